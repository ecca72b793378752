//! What attempts say about the log: deliveries, receipts, and the highest record of each partition (P17).

use rusqlite::params;

use super::fault::Fault;
use super::rows::{JobRow, count as read_count, int};
use super::tx::Tx;
use crate::job::Receipt;
use crate::ports::RecordMark;

/// Counts what a bulk job did to others.
pub(super) fn count_jobs(tx: &Tx<'_>, job: &JobRow, matched: u64, changed: u64) -> Result<(), Fault> {
    tx.run(
        "UPDATE jobs SET received = ?2, published = ?3 WHERE seq = ?1",
        params![job.seq, int(matched), int(changed)],
    )?;
    Ok(())
}

/// Forgets the marks of a log that was given up.
pub(super) fn forget_marks(tx: &Tx<'_>) -> Result<(), Fault> {
    tx.sums().forget_marks();
    tx.run("DELETE FROM log_marks", []).map(drop)
}

/// The marks as they are kept.
pub(super) fn marks(connection: &rusqlite::Connection) -> Result<Vec<RecordMark>, Fault> {
    Ok(connection
        .prepare_cached("SELECT partition, record_offset, event_id FROM log_marks ORDER BY partition")?
        .query_map([], |row| {
            Ok(RecordMark {
                partition: row.get(0)?,
                offset: row.get(1)?,
                event_id: row.get(2)?,
            })
        })?
        .collect::<Result<_, _>>()?)
}

/// Adds the receipts of a task that has ended to those of its job.
pub(super) fn merge_receipts(tx: &Tx<'_>, job: &JobRow, receipts: &[Receipt]) -> Result<(), Fault> {
    for receipt in receipts {
        // As `Receipt::merge` does it; `min` and `max` of a missing offset would be none.
        tx.run(
            "INSERT INTO receipts (job, topic, partition, first_offset, last_offset, events, without_offset)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             ON CONFLICT DO UPDATE SET
                 first_offset = ifnull(min(first_offset, excluded.first_offset),
                                       ifnull(first_offset, excluded.first_offset)),
                 last_offset = ifnull(max(last_offset, excluded.last_offset),
                                      ifnull(last_offset, excluded.last_offset)),
                 events = events + excluded.events,
                 without_offset = without_offset + excluded.without_offset",
            params![
                job.seq,
                receipt.topic,
                receipt.partition,
                receipt.first_offset,
                receipt.last_offset,
                int(receipt.events),
                int(receipt.without_offset),
            ],
        )?;
    }
    Ok(())
}

/// The receipts of a job, by partition.
pub(super) fn receipts(connection: &rusqlite::Connection, job: i64) -> Result<Vec<Receipt>, Fault> {
    Ok(connection
        .prepare_cached(
            "SELECT topic, partition, first_offset, last_offset, events, without_offset
             FROM receipts WHERE job = ?1 ORDER BY topic, partition",
        )?
        .query_map([job], |row| {
            Ok(Receipt {
                topic: row.get(0)?,
                partition: row.get(1)?,
                first_offset: row.get(2)?,
                last_offset: row.get(3)?,
                events: read_count(row.get(4)?),
                without_offset: read_count(row.get(5)?),
            })
        })?
        .collect::<Result<_, _>>()?)
}
