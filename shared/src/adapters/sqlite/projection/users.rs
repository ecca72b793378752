//! Users by a hash of their id, each with a number and a home: the city of its first event. A user counts at its home
//! without a row of its own; only the other places where it was seen have one.

use std::collections::{BTreeMap, HashMap};

use rusqlite::{Connection, OptionalExtension, params};

use super::dedup;
use super::generation::Tables;
use super::places::{self, Ids};
use crate::ports::FoldEvent;

/// The user of an event.
#[derive(Clone, Copy, Debug)]
pub(super) struct User {
    /// 1 to the number of users.
    pub(super) id: i64,
    /// The city where it counts already; `None` where an earlier version has seen it first, which kept rows for every
    /// place.
    home: Option<i64>,
    /// Whether it was not known before this event.
    is_new: bool,
}

/// The users of `events`, which happened `at` these places, in the same order, and how many users there are then.
pub(super) fn intern(
    file: &Connection,
    t: Tables,
    events: &[&FoldEvent],
    at: &[Ids],
    mut known: i64,
) -> rusqlite::Result<(Vec<User>, i64)> {
    let mut sorted: Vec<([u8; 16], usize)> = events
        .iter()
        .enumerate()
        .map(|(place, event)| (dedup::hash("user", event.user.as_bytes(), b""), place))
        .collect();
    // Sorted keys touch each page once, and the first event of a user comes first.
    sorted.sort_unstable();
    let mut make = file.prepare_cached(&format!(
        "INSERT OR IGNORE INTO {t}known_users (hash, id, home) VALUES (?1, ?2, ?3)"
    ))?;
    let mut find = file.prepare_cached(&format!("SELECT id, home FROM {t}known_users WHERE hash = ?1"))?;
    // Who expects the right thing descends into the table once: an import brings new users, daily events known ones.
    let mut expects_new = true;
    let nobody = User {
        id: 0,
        home: None,
        is_new: false,
    };
    let mut users = vec![nobody; events.len()];
    for same in sorted.chunk_by(|(one, _), (other, _)| one == other) {
        let (hash, first) = same[0];
        let mut find = || find.query_row([hash], |row| Ok((row.get(0)?, row.get(1)?)));
        let found = if expects_new { None } else { find().optional()? };
        let is_new = found.is_none() && make.execute(params![hash, known + 1, at[first].city])? == 1;
        let (id, home) = match found {
            Some(user) => user,
            None if is_new => (known + 1, Some(at[first].city)),
            None => find()?,
        };
        known += i64::from(is_new);
        expects_new = is_new;
        let user = User {
            id,
            home,
            is_new: false,
        };
        for (_, place) in same {
            users[*place] = user;
        }
        users[first].is_new = is_new;
    }
    Ok((users, known))
}

/// Adds the users that the places gain with these events to `gains`.
pub(super) fn place(
    file: &Connection,
    t: Tables,
    users: &[User],
    at: &[Ids],
    gains: &mut BTreeMap<i64, Gain>,
) -> rusqlite::Result<()> {
    let mut homes = HashMap::new();
    let mut away = Vec::new();
    for (user, at) in users.iter().zip(at) {
        if user.is_new {
            for place in at.levels() {
                gains.entry(place).or_default().users += 1;
            }
        } else if user.home != Some(at.city) {
            let home = user.home.map(|city| home_of(file, t, city, &mut homes));
            away.push((at.levels(), user.id, home.transpose()?));
        }
    }
    let mut keep = file.prepare_cached(&format!(
        "INSERT OR IGNORE INTO {t}place_users (place, user) VALUES (?1, ?2)"
    ))?;
    // From the city outwards: who was in a city before was in its state and its country before.
    for level in 0..Ids::LEVELS {
        away.sort_unstable_by_key(|(at, user, _)| (at[level], *user));
        away.dedup_by_key(|(at, user, _)| (at[level], *user));
        let mut newly = Vec::with_capacity(away.len());
        for (at, user, home) in away {
            let counts_there = home.is_some_and(|home: [i64; Ids::LEVELS]| home[level] == at[level]);
            if !counts_there && keep.execute([at[level], user])? == 1 {
                gains.entry(at[level]).or_default().users += 1;
                newly.push((at, user, home));
            }
        }
        away = newly;
    }
    Ok(())
}

/// The levels of a home.
fn home_of(
    file: &Connection,
    t: Tables,
    city: i64,
    known: &mut HashMap<i64, [i64; Ids::LEVELS]>,
) -> rusqlite::Result<[i64; Ids::LEVELS]> {
    if let Some(home) = known.get(&city) {
        return Ok(*home);
    }
    let home = places::of_city(file, t, city)?.levels();
    known.insert(city, home);
    Ok(home)
}

/// What a place gains.
#[derive(Debug, Default)]
pub(super) struct Gain {
    pub(super) users: i64,
    pub(super) events: i64,
}

#[cfg(test)]
mod tests {
    use super::super::{SCHEMA, fold};
    use super::*;
    use crate::testing::projection::event;

    /// The users of a city, of its state and of its country.
    fn users(file: &Connection, [country, state, city]: [&str; 3]) -> [i64; 3] {
        [(Some(state), Some(city)), (Some(state), None), (None, None)].map(|(state, city)| {
            file.query_row(
                "SELECT users FROM places WHERE country = ?1 AND state IS ?2 AND city IS ?3",
                params![country, state, city],
                |row| row.get(0),
            )
            .unwrap()
        })
    }

    fn file(migrations: &[&str]) -> Connection {
        let file = Connection::open_in_memory().unwrap();
        for migration in migrations {
            file.execute_batch(migration).unwrap();
        }
        file
    }

    fn count(file: &Connection, event: FoldEvent) {
        fold::fold(file, Tables::Present, &[event]).unwrap();
    }

    const AKRON: [&str; 3] = ["US", "oh", "akron"];
    const DAYTON: [&str; 3] = ["US", "oh", "dayton"];
    const BOSTON: [&str; 3] = ["US", "ma", "boston"];
    const ULM: [&str; 3] = ["DE", "bw", "ulm"];

    #[test]
    fn p24_who_was_counted_by_an_earlier_version_is_not_counted_again() {
        let (before, after) = SCHEMA.migrations.split_at(2);
        let file = file(before);
        // Ada was counted in Akron, and a rebuild was broken off.
        file.execute_batch(
            "INSERT INTO places (id, level, country, state, city, in_state, in_country, users, events) VALUES
               (1, 2, 'US', NULL, NULL, NULL, NULL, 1, 1),
               (2, 1, 'US', 'oh', NULL, NULL, 1, 1, 1),
               (3, 0, 'US', 'oh', 'akron', 2, 1, 1, 1);
             INSERT INTO place_users (place, user) VALUES (1, 1), (2, 1), (3, 1);
             UPDATE totals SET users = 1, events = 1;
             CREATE TABLE next_users (hash BLOB PRIMARY KEY)",
        )
        .unwrap();
        let ada = dedup::hash("user", b"ada", b"");
        file.execute("INSERT INTO users (hash, id) VALUES (?1, 1)", [ada])
            .unwrap();
        for migration in after {
            file.execute_batch(migration).unwrap();
        }
        for (n, place) in (1..).zip([AKRON, DAYTON, BOSTON, ULM, AKRON, BOSTON]) {
            count(&file, event(n, "ada", place));
        }
        count(&file, event(9, "bob", BOSTON));
        count(&file, event(10, "bob", AKRON));
        assert_eq!(users(&file, AKRON), [2, 2, 2]);
        assert_eq!(users(&file, DAYTON), [1, 2, 2]);
        assert_eq!(users(&file, BOSTON), [2, 2, 2]);
        assert_eq!(users(&file, ULM), [1, 1, 1]);
    }

    #[test]
    fn only_places_away_from_home_take_a_row() {
        let file = file(SCHEMA.migrations);
        for (n, city) in (0..).zip([AKRON, DAYTON, AKRON, DAYTON]) {
            count(&file, event(n, "ada", city));
        }
        assert_eq!(users(&file, AKRON), [1, 1, 1]);
        assert_eq!(users(&file, DAYTON), [1, 1, 1]);
        let rows: i64 = file
            .query_row("SELECT count(*) FROM place_users", [], |row| row.get(0))
            .unwrap();
        assert_eq!(rows, 1);
    }
}
