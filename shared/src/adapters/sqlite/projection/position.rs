//! How far each partition is folded, moved on by compare-and-set (P16).

use rusqlite::{Connection, OptionalExtension, params};

use super::fault::Fault;
use super::generation::Tables;
use crate::mutant::{self, Mutant};
use crate::ports::FoldPosition;

/// The stored positions, by partition.
pub(super) fn all(file: &Connection, t: Tables) -> rusqlite::Result<Vec<FoldPosition>> {
    file.prepare_cached(&format!(
        "SELECT partition, next_offset, last_offset, last_event_id, last_timestamp_ms
         FROM {t}positions ORDER BY partition"
    ))?
    .query_map([], |row| {
        let last_offset: Option<i64> = row.get(2)?;
        let last = last_offset
            .map(|offset| Ok::<_, rusqlite::Error>((offset, row.get(3)?, row.get(4)?)))
            .transpose()?;
        Ok(FoldPosition {
            partition: row.get(0)?,
            next_offset: row.get(1)?,
            last,
        })
    })?
    .collect()
}

/// Moves the positions to `to` when the stored ones are `from`; a partition never folded stands at 0.
pub(super) fn advance(
    file: &Connection,
    t: Tables,
    from: &[FoldPosition],
    to: &[FoldPosition],
) -> Result<(), Fault> {
    let mut stored = file.prepare_cached(&format!(
        "SELECT next_offset FROM {t}positions WHERE partition = ?1"
    ))?;
    let mut next_offset = |partition: i32| -> rusqlite::Result<i64> {
        let found = stored.query_row([partition], |row| row.get(0)).optional()?;
        Ok(found.unwrap_or(0))
    };
    for position in from.iter().filter(|_| !mutant::on(Mutant::NoCompareAndSet)) {
        if next_offset(position.partition)? != position.next_offset {
            return Err(Fault::Fenced);
        }
    }
    for position in to {
        let unknown = !from.iter().any(|from| from.partition == position.partition);
        if unknown && next_offset(position.partition)? != 0 && !mutant::on(Mutant::NoCompareAndSet) {
            return Err(Fault::Fenced);
        }
    }
    // A batch may move over records that are not messages (P18): then the last record stays the one before.
    let mut store = file.prepare_cached(&format!(
        "INSERT INTO {t}positions (partition, next_offset, last_offset, last_event_id, last_timestamp_ms)
         VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (partition) DO UPDATE SET
           next_offset = excluded.next_offset,
           last_offset = coalesce(excluded.last_offset, last_offset),
           last_event_id = coalesce(excluded.last_event_id, last_event_id),
           last_timestamp_ms = coalesce(excluded.last_timestamp_ms, last_timestamp_ms)"
    ))?;
    for FoldPosition {
        partition,
        next_offset,
        last,
    } in to
    {
        let offset = last.as_ref().map(|last| last.0);
        let event_id = last.as_ref().map(|last| last.1.as_str());
        let timestamp_ms = last.as_ref().map(|last| last.2);
        store.execute(params![partition, next_offset, offset, event_id, timestamp_ms])?;
    }
    Ok(())
}
