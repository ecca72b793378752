//! A report within a span of time: counted from the events' rows, a slice of them at a time, so that no read lasts
//! (P9) and nobody counts on for a caller who is gone.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use fixedbitset::FixedBitSet;
use rusqlite::{Connection, params};

use super::fault::Fault;
use super::places::CITY;
use super::report::{as_of, rows_by_place};
use super::{generation, quarantine};
use crate::adapters::sqlite::Reader;
use crate::job::{GroupBy, PartitionOffset, Report, ReportRow};
use crate::ports::ReportQuery;
use crate::time::Timestamp;

/// Events of one read (measured: 40 ms).
const SLICE: usize = 100_000;

/// Counts what happened between `from`, included, and `to`, not included. Its time follows the number of events there,
/// its memory the number of places that each of their users was at.
pub(super) async fn report(reader: &Reader, query: &ReportQuery) -> Result<Report, Fault> {
    loop {
        let query = query.clone();
        let mut count = reader
            .read(move |file| Ok::<_, Fault>(Count::begin(file, query)?))
            .await?;
        let end = loop {
            let slice = move |file: &Connection| {
                Ok::<_, Fault>(match count.add(file, SLICE)? {
                    Step::More => ControlFlow::Continue(count),
                    // Here, since it sorts the users, which would keep others from a thread of the runtime.
                    Step::Done => ControlFlow::Break(Some(count.into_report())),
                    Step::Anew => ControlFlow::Break(None),
                })
            };
            match reader.read(slice).await? {
                ControlFlow::Continue(counted) => count = counted,
                ControlFlow::Break(end) => break end,
            }
        };
        if let Some(report) = end {
            return Ok(report);
        }
    }
}

/// What follows a slice.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    More,
    Done,
    /// Nothing that was counted holds: a rebuild has put other tables in place of those that the count began with.
    Anew,
}

/// A count under way, of what was folded when it began: events are numbered in the order in which they are folded,
/// and stay as they are.
struct Count {
    query: ReportQuery,
    generation: i64,
    folded: i64,
    as_of: Vec<PartitionOffset>,
    quarantined: u64,
    /// The place that each city counts for.
    group_of: BTreeMap<i64, i64>,
    /// Those places, with the counts of all time.
    rows: BTreeMap<i64, ReportRow>,
    /// Time and number of the event that was read last.
    read: (i64, i64),
    cities: BTreeMap<i64, Visits>,
}

impl Count {
    /// All that does not follow from the events; `file` shows one snapshot.
    fn begin(file: &Connection, query: ReportQuery) -> rusqlite::Result<Self> {
        Ok(Self {
            generation: generation::present(file)?,
            folded: file
                .prepare_cached("SELECT events FROM totals")?
                .query_row([], |row| row.get(0))?,
            as_of: as_of(file, &query.topic)?,
            quarantined: quarantine::count(file)?,
            group_of: group_of(file, query.group_by)?,
            rows: rows_by_place(file, query.group_by)?.into_iter().collect(),
            read: (query.from.unwrap_or(Timestamp::MIN).as_millis(), -1),
            cities: BTreeMap::new(),
            query,
        })
    }

    /// Counts the next `slice` events, in the order of their time.
    fn add(&mut self, file: &Connection, slice: usize) -> rusqlite::Result<Step> {
        if generation::present(file)? != self.generation {
            return Ok(Step::Anew);
        }
        // The last moment of all is in a span without an end.
        let to = self.query.to.map_or(i64::MAX, Timestamp::as_millis);
        let mut statement = file.prepare_cached(
            "SELECT time_ms, n, place, user FROM events
             WHERE (time_ms, n) > (?1, ?2) AND time_ms < ?3 ORDER BY time_ms, n LIMIT ?4",
        )?;
        let mut events = statement.query(params![self.read.0, self.read.1, to, slice as i64])?;
        let mut read = 0;
        while let Some(event) = events.next()? {
            read += 1;
            self.read = (event.get(0)?, event.get(1)?);
            if self.read.1 < self.folded {
                let visits = self.cities.entry(event.get(2)?).or_default();
                visits.events += 1;
                visits.users.add(event.get(3)?);
            }
        }
        Ok(if read < slice { Step::Done } else { Step::More })
    }

    fn into_report(mut self) -> Report {
        let mut everybody = FixedBitSet::new();
        let mut events = 0;
        let mut groups: BTreeMap<i64, Visits> = BTreeMap::new();
        for (city, visits) in self.cities {
            everybody.extend(visits.users.each.iter().map(|user| *user as usize));
            events += visits.events;
            // There, since a place is older than what happens at it.
            let group = self.group_of[&city];
            groups.entry(group).or_default().add_all(visits);
        }
        let seen = groups.into_iter().filter_map(|(place, visits)| {
            Some(ReportRow {
                events: visits.events,
                users: visits.users.count(),
                ..self.rows.remove(&place)?
            })
        });
        let mut rows: Vec<_> = seen.collect();
        Report::sort_rows(&mut rows);
        Report {
            group_by: self.query.group_by,
            generated_at: self.query.generated_at,
            users: everybody.count_ones(..) as u64,
            events,
            rows_total: rows.len() as u64,
            quarantined: self.quarantined,
            as_of: self.as_of,
            rows,
        }
    }
}

fn group_of(file: &Connection, group_by: GroupBy) -> rusqlite::Result<BTreeMap<i64, i64>> {
    file.prepare_cached(match group_by {
        GroupBy::City => "SELECT id, id FROM places WHERE level = ?1",
        GroupBy::State => "SELECT id, in_state FROM places WHERE level = ?1",
        GroupBy::Country => "SELECT id, in_country FROM places WHERE level = ?1",
    })?
    .query_map([CITY], |row| Ok((row.get(0)?, row.get(1)?)))?
    .collect()
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
    use super::super::SCHEMA;
    use super::super::places::{COUNTRY, STATE};
    use super::*;

    const AKRON: i64 = 3;

    /// Ten events in one city, a second apart, each of another user.
    fn file() -> Connection {
        let file = Connection::open_in_memory().expect("memory is there");
        for migration in SCHEMA.migrations {
            file.execute_batch(migration).expect("the schema is sound");
        }
        file.execute(
            "INSERT INTO places (id, level, country, state, city, in_state, in_country, shown) VALUES
               (1, ?1, 'US', NULL, NULL, NULL, NULL, NULL),
               (2, ?2, 'US', 'OH', NULL, NULL, 1, 'OH'),
               (?4, ?3, 'US', 'OH', 'akron', 2, 1, 'Akron')",
            [COUNTRY, STATE, CITY, AKRON],
        )
        .expect("places are new");
        for second in 0..10 {
            happen(&file, second);
        }
        file
    }

    /// Folds an event of its own user.
    fn happen(file: &Connection, second: i64) {
        file.execute(
            "INSERT INTO events (time_ms, n, place, user) SELECT ?1, events, ?2, events + 1 FROM totals",
            [second * 1_000, AKRON],
        )
        .expect("the event is new");
        file.execute("UPDATE totals SET users = users + 1, events = events + 1", [])
            .expect("there are totals");
    }

    fn count(file: &Connection, group_by: GroupBy, seconds: std::ops::Range<i64>) -> Count {
        let query = ReportQuery {
            group_by,
            from: Some(Timestamp::from_millis(seconds.start * 1_000)),
            to: Some(Timestamp::from_millis(seconds.end * 1_000)),
            topic: "user-events".to_owned(),
            generated_at: Timestamp::from_millis(0),
        };
        Count::begin(file, query).expect("the file is read")
    }

    #[test]
    fn p9_what_is_folded_between_two_slices_is_not_counted() {
        let file = file();
        let mut count = count(&file, GroupBy::City, 2..9);
        assert_eq!(count.add(&file, 3), Ok(Step::More));
        // Before what was read, at the same time as the last, and behind it.
        for second in [3, 4, 8] {
            happen(&file, second);
        }
        file.execute("UPDATE places SET shown = 'AKRON' WHERE id = ?1", [AKRON])
            .expect("the place is there");
        let mut steps = 1;
        while count.add(&file, 3).expect("the file is read") == Step::More {
            steps += 1;
        }
        assert_eq!(steps, 3);
        let report = count.into_report();
        assert_eq!((report.users, report.events), (7, 7));
        let [akron] = &*report.rows else {
            panic!("there is one city, not {:?}", report.rows)
        };
        assert_eq!((akron.users, akron.events), (7, 7));
        assert_eq!(
            (akron.state.as_deref(), akron.city.as_deref()),
            (Some("OH"), Some("Akron"))
        );
    }

    #[test]
    fn p20_a_count_begins_anew_after_a_rebuild() {
        let file = file();
        let mut count = count(&file, GroupBy::City, 0..10);
        assert_eq!(count.add(&file, 3), Ok(Step::More));
        file.execute("UPDATE generations SET present = present + 1", [])
            .expect("there is a generation");
        assert_eq!(count.add(&file, 3), Ok(Step::Anew));
    }

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
