//! Counts the new events of a batch: rows, users, places and their totals. Keys are sorted before they are
//! inserted, so that each page is touched once.

use std::collections::{BTreeMap, HashMap};

use rusqlite::{Connection, OptionalExtension, params};

use super::dedup;
use super::generation::Tables;
use super::places::{self, Ids};
use crate::ports::{FoldEvent, FoldOutcome};

/// Counts what was not counted before.
pub(super) fn fold(file: &Connection, t: Tables, events: &[FoldEvent]) -> rusqlite::Result<FoldOutcome> {
    let new = dedup::take_new(file, t, events)?;
    if !new.is_empty() {
        count(file, t, &new)?;
    }
    Ok(FoldOutcome {
        applied: new.len() as u64,
        duplicates: (events.len() - new.len()) as u64,
    })
}

fn count(file: &Connection, t: Tables, events: &[&FoldEvent]) -> rusqlite::Result<()> {
    let places = places::intern(file, t, events)?;
    let (users_before, events_before) = file
        .prepare_cached(&format!("SELECT users, events FROM {t}totals"))?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let (users, users_now) = intern_users(file, t, events, users_before)?;
    let counted: Vec<Counted> = events
        .iter()
        .zip(users)
        .zip(events_before..)
        .map(|((event, user), n)| Counted {
            time_ms: event.time.as_millis(),
            n,
            at: places[&event.place],
            user,
        })
        .collect();
    keep_rows(file, t, &counted)?;
    bump_places(file, t, &counted)?;
    places::spell(file, t, events, &places)?;
    file.prepare_cached(&format!("UPDATE {t}totals SET users = ?1, events = events + ?2"))?
        .execute(params![users_now, events.len() as i64])
        .map(drop)
}

/// An event with its numbers.
struct Counted {
    time_ms: i64,
    n: i64,
    at: Ids,
    user: i64,
}

/// The number of each event's user, and how many users there are now. Only a hash of the user's id is kept.
fn intern_users(
    file: &Connection,
    t: Tables,
    events: &[&FoldEvent],
    mut users: i64,
) -> rusqlite::Result<(Vec<i64>, i64)> {
    let mut hashes: HashMap<&str, [u8; 16]> = HashMap::new();
    for event in events {
        hashes
            .entry(&event.user)
            .or_insert_with(|| dedup::hash("user", event.user.as_bytes(), b""));
    }
    let mut sorted: Vec<(&str, [u8; 16])> = hashes.into_iter().collect();
    sorted.sort_unstable_by_key(|(_, hash)| *hash);
    let mut find = file.prepare_cached(&format!("SELECT id FROM {t}users WHERE hash = ?1"))?;
    let mut make = file.prepare_cached(&format!("INSERT INTO {t}users (hash, id) VALUES (?1, ?2)"))?;
    let mut ids: HashMap<&str, i64> = HashMap::with_capacity(sorted.len());
    for (user, hash) in sorted {
        let found = find.query_row([hash], |row| row.get(0)).optional()?;
        let id = match found {
            Some(id) => id,
            None => {
                users += 1;
                make.execute(params![hash, users])?;
                users
            }
        };
        ids.insert(user, id);
    }
    Ok((
        events.iter().map(|event| ids[event.user.as_str()]).collect(),
        users,
    ))
}

fn keep_rows(file: &Connection, t: Tables, counted: &[Counted]) -> rusqlite::Result<()> {
    let mut rows: Vec<&Counted> = counted.iter().collect();
    rows.sort_unstable_by_key(|row| (row.time_ms, row.n));
    let mut keep = file.prepare_cached(&format!(
        "INSERT INTO {t}events (time_ms, n, place, user) VALUES (?1, ?2, ?3, ?4)"
    ))?;
    for row in rows {
        keep.execute([row.time_ms, row.n, row.at.city, row.user])?;
    }
    Ok(())
}

fn bump_places(file: &Connection, t: Tables, counted: &[Counted]) -> rusqlite::Result<()> {
    /// What a place gains.
    #[derive(Default)]
    struct Gain {
        users: i64,
        events: i64,
    }
    let mut gains: BTreeMap<i64, Gain> = BTreeMap::new();
    let mut pairs = Vec::with_capacity(counted.len() * 3);
    for event in counted {
        for place in [event.at.city, event.at.state, event.at.country] {
            gains.entry(place).or_default().events += 1;
            pairs.push((place, event.user));
        }
    }
    pairs.sort_unstable();
    pairs.dedup();
    let mut pair = file.prepare_cached(&format!(
        "INSERT OR IGNORE INTO {t}place_users (place, user) VALUES (?1, ?2)"
    ))?;
    for (place, user) in pairs {
        if pair.execute([place, user])? == 1 {
            gains.entry(place).or_default().users += 1;
        }
    }
    let mut bump = file.prepare_cached(&format!(
        "UPDATE {t}places SET users = users + ?2, events = events + ?3 WHERE id = ?1"
    ))?;
    for (place, gain) in gains {
        bump.execute([place, gain.users, gain.events])?;
    }
    Ok(())
}
