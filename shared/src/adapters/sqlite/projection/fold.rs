//! Counts the new events of a batch: rows, users, places and their totals. Keys are sorted before they are
//! inserted, so that each page is touched once.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};

use super::dedup;
use super::generation::Tables;
use super::places::{self, Ids, SharedPlace};
use super::users::{self, Gain, User};
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
    let places::Seen { at, shared } = places::intern(file, t, events)?;
    let (users_before, events_before) = file
        .prepare_cached(&format!("SELECT users, events FROM {t}totals"))?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let (users, users_now) = users::intern(file, t, events, &at, users_before)?;
    keep_rows(file, t, events, &at, &users, events_before)?;
    bump_places(file, t, &shared, &at, &users)?;
    places::spell(file, t, &shared)?;
    file.prepare_cached(&format!("UPDATE {t}totals SET users = ?1, events = events + ?2"))?
        .execute(params![users_now, events.len() as i64])
        .map(drop)
}

/// The rows of the events, which are numbered from `first` on.
fn keep_rows(
    file: &Connection,
    t: Tables,
    events: &[&FoldEvent],
    at: &[Ids],
    users: &[User],
    first: i64,
) -> rusqlite::Result<()> {
    let mut rows: Vec<[i64; 4]> = (first..)
        .zip(events)
        .zip(at.iter().zip(users))
        .map(|((n, event), (at, user))| [event.time.as_millis(), n, at.city, user.id])
        .collect();
    rows.sort_unstable();
    let mut keep = file.prepare_cached(&format!(
        "INSERT INTO {t}events (time_ms, n, place, user) VALUES (?1, ?2, ?3, ?4)"
    ))?;
    for row in rows {
        keep.execute(row)?;
    }
    Ok(())
}

fn bump_places(
    file: &Connection,
    t: Tables,
    shared: &[SharedPlace<'_>],
    at: &[Ids],
    users: &[User],
) -> rusqlite::Result<()> {
    let mut gains: BTreeMap<i64, Gain> = BTreeMap::new();
    for SharedPlace { ids, events, .. } in shared {
        for place in ids.levels() {
            gains.entry(place).or_default().events += events;
        }
    }
    users::place(file, t, users, at, &mut gains)?;
    let mut bump = file.prepare_cached(&format!(
        "UPDATE {t}places SET users = users + ?2, events = events + ?3 WHERE id = ?1"
    ))?;
    for (place, gain) in gains {
        bump.execute([place, gain.users, gain.events])?;
    }
    Ok(())
}
