//! Counters at each level of grouping: a user is counted where they are new.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;

use super::Fault;
use super::applied::Hash;

/// What a counter stands for.
#[derive(Clone, Copy)]
pub(super) enum Level {
    /// Everything.
    Total,
    /// A country.
    Country,
    /// A state in its country.
    Region,
    /// A city in its state.
    Place,
}

impl Level {
    /// From the widest to the narrowest.
    pub(super) const ALL: [Self; 4] = [Self::Total, Self::Country, Self::Region, Self::Place];

    fn insert_user(self) -> &'static str {
        match self {
            Self::Total => "INSERT INTO users SELECT ?2 WHERE ?1 = 0 ON CONFLICT DO NOTHING",
            Self::Country => "INSERT INTO country_users VALUES (?1, ?2) ON CONFLICT DO NOTHING",
            Self::Region => "INSERT INTO region_users VALUES (?1, ?2) ON CONFLICT DO NOTHING",
            Self::Place => "INSERT INTO place_users VALUES (?1, ?2) ON CONFLICT DO NOTHING",
        }
    }

    fn add(self) -> &'static str {
        match self {
            Self::Total => "UPDATE totals SET users = users + ?2, events = events + ?3 WHERE one = 1 + ?1",
            Self::Country => "UPDATE countries SET users = users + ?2, events = events + ?3 WHERE id = ?1",
            Self::Region => "UPDATE regions SET users = users + ?2, events = events + ?3 WHERE id = ?1",
            Self::Place => "UPDATE places SET users = users + ?2, events = events + ?3 WHERE id = ?1",
        }
    }
}

/// Notes who was seen where; returns how many were new at each place of the level.
pub(super) fn add_users(
    connection: &Connection,
    level: Level,
    pairs: &BTreeSet<(i64, Hash)>,
) -> Result<BTreeMap<i64, i64>, Fault> {
    let mut insert = connection.prepare_cached(level.insert_user())?;
    let mut new = BTreeMap::new();
    for (id, user) in pairs {
        if insert.execute((id, user))? == 1 {
            *new.entry(*id).or_default() += 1;
        }
    }
    Ok(new)
}

/// Adds events and new users to the level's counters.
pub(super) fn add_counts(
    connection: &Connection,
    level: Level,
    events: &BTreeMap<i64, i64>,
    new_users: &BTreeMap<i64, i64>,
) -> Result<(), Fault> {
    let mut add = connection.prepare_cached(level.add())?;
    for (id, events) in events {
        add.execute((id, new_users.get(id).copied().unwrap_or(0), events))?;
    }
    Ok(())
}
