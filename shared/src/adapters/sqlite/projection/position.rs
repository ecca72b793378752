//! How far each partition is folded; moved only by compare-and-set, in the transaction of the counts.

use rusqlite::Connection;

use super::Fault;
use crate::ports::FoldPosition;

/// The positions of all partitions that were ever read.
pub(super) fn all(connection: &Connection) -> Result<Vec<FoldPosition>, Fault> {
    let mut select = connection.prepare_cached(
        "SELECT partition, next_offset, last_offset, last_event_id, last_timestamp_ms
         FROM positions ORDER BY partition",
    )?;
    let rows = select.query_map([], |row| {
        let last: (Option<i64>, Option<String>, Option<i64>) = (row.get(2)?, row.get(3)?, row.get(4)?);
        Ok(FoldPosition {
            partition: row.get(0)?,
            next_offset: row.get(1)?,
            last: match last {
                (Some(offset), Some(event_id), Some(timestamp_ms)) => Some((offset, event_id, timestamp_ms)),
                _ => None,
            },
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Moves from `from` to `to`; fails when another projector has moved a partition since (P16).
pub(super) fn compare_and_set(
    connection: &Connection,
    from: &[FoldPosition],
    to: &[FoldPosition],
) -> Result<(), Fault> {
    let mut make = connection.prepare_cached(
        "INSERT INTO positions (partition, next_offset) VALUES (?1, 0) ON CONFLICT DO NOTHING",
    )?;
    let mut compare =
        connection.prepare_cached("SELECT 1 FROM positions WHERE partition = ?1 AND next_offset = ?2")?;
    for position in from {
        make.execute([position.partition])?;
        if !compare.exists((position.partition, position.next_offset))? {
            return Err(Fault::Fenced);
        }
    }
    let mut set = connection.prepare_cached(
        "UPDATE positions SET next_offset = ?2, last_offset = ?3, last_event_id = ?4, last_timestamp_ms = ?5
         WHERE partition = ?1",
    )?;
    for position in to {
        let last = position.last.as_ref();
        set.execute((
            position.partition,
            position.next_offset,
            last.map(|last| last.0),
            last.map(|last| last.1.as_str()),
            last.map(|last| last.2),
        ))?;
    }
    Ok(())
}
