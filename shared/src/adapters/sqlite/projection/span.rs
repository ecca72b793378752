//! A report within a span of time: counted from the events' rows, in one pass over them.

use std::collections::BTreeMap;

use fixedbitset::FixedBitSet;
use rusqlite::Connection;

use super::report::{Counts, report_row};
use crate::job::GroupBy;
use crate::ports::ReportQuery;
use crate::time::Timestamp;

/// Counts what happened between `from`, included, and `to`, not included. Its time follows the number of events there,
/// its memory the number of their users.
pub(super) fn count(file: &Connection, query: &ReportQuery) -> rusqlite::Result<Counts> {
    let mut everybody = FixedBitSet::new();
    let mut events = 0;
    let mut groups: BTreeMap<i64, Visits> = BTreeMap::new();
    for (city, visits) in cities(file, query)? {
        everybody.extend(visits.users.each.iter().map(|user| *user as usize));
        events += visits.events;
        let group = group_of(file, city, query.group_by)?;
        groups.entry(group).or_default().add_all(visits);
    }
    let mut shown = file.prepare_cached(
        "SELECT place.country, place.shown, state.shown
         FROM places AS place LEFT JOIN places AS state ON state.id = place.in_state
         WHERE place.id = ?1",
    )?;
    let rows = groups
        .into_iter()
        .map(|(place, visits)| {
            let (users, events) = (visits.users.count(), visits.events);
            shown.query_row([place], |row| report_row(row, query.group_by, users, events))
        })
        .collect::<Result<_, _>>()?;
    Ok((everybody.count_ones(..) as u64, events, rows))
}

/// What happened in each city.
fn cities(file: &Connection, query: &ReportQuery) -> rusqlite::Result<BTreeMap<i64, Visits>> {
    let from = query.from.unwrap_or(Timestamp::MIN).as_millis();
    // The last moment of all is in a span without an end.
    let to = query.to.map_or(i64::MAX, Timestamp::as_millis);
    let mut statement =
        file.prepare_cached("SELECT place, user FROM events WHERE time_ms >= ?1 AND time_ms < ?2")?;
    let mut events = statement.query([from, to])?;
    let mut cities: BTreeMap<i64, Visits> = BTreeMap::new();
    while let Some(event) = events.next()? {
        let visits = cities.entry(event.get(0)?).or_default();
        visits.events += 1;
        visits.users.add(event.get(1)?);
    }
    cities.values_mut().for_each(|visits| visits.users.settle());
    Ok(cities)
}

/// The place that a city counts for.
fn group_of(file: &Connection, city: i64, group_by: GroupBy) -> rusqlite::Result<i64> {
    let sql = match group_by {
        GroupBy::City => return Ok(city),
        GroupBy::State => "SELECT in_state FROM places WHERE id = ?1",
        GroupBy::Country => "SELECT in_country FROM places WHERE id = ?1",
    };
    file.prepare_cached(sql)?.query_row([city], |row| row.get(0))
}

#[derive(Default)]
struct Visits {
    users: Users,
    events: u64,
}

impl Visits {
    fn add_all(&mut self, other: Self) {
        self.users.each.extend(other.users.each);
        self.events += other.events;
    }
}

/// Users by their number in the projection, which is below four billion: their rows alone would take 200 GiB.
#[derive(Default)]
struct Users {
    /// Each once up to `settled`, in order; what follows was added since.
    each: Vec<u32>,
    settled: usize,
}

impl Users {
    /// What is sorted for nothing, at most, when hardly anybody is new.
    const SLACK: usize = 64;

    fn add(&mut self, user: u32) {
        self.each.push(user);
        if self.each.len() >= 2 * self.settled + Self::SLACK {
            self.settle();
        }
    }

    fn settle(&mut self) {
        self.each.sort_unstable();
        self.each.dedup();
        self.settled = self.each.len();
    }

    fn count(mut self) -> u64 {
        self.settle();
        self.settled as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_take_the_room_of_those_who_differ() {
        let mut users = Users::default();
        for visit in 0..100_000 {
            users.add(visit * 7919 % 1_000);
        }
        assert!(users.each.capacity() < 5_000, "{}", users.each.capacity());
        assert_eq!(users.count(), 1_000);
    }
}
