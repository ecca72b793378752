//! What attempts say about the log: deliveries, receipts, and the highest record of each partition (P17).

use rusqlite::params;

use super::fault::Fault;
use super::rows::{JobRow, TaskRow, count as read_count, int};
use super::transition;
use super::tx::Tx;
use crate::job::Receipt;
use crate::ports::{Published, RecordMark};

/// Counts what the attempt delivered. A later attempt delivers the same events again: the most of one counts.
pub(super) fn count(tx: &Tx<'_>, job: &JobRow, task: &TaskRow, published: &Published) -> Result<(), Fault> {
    tx.run(
        "UPDATE tasks SET published = max(published, ?3) WHERE job = ?1 AND no = ?2",
        params![job.seq, task.no, int(published.events)],
    )?;
    transition::count_published(tx, job)
}

/// Counts what a bulk job did to others.
pub(super) fn count_jobs(tx: &Tx<'_>, job: &JobRow, matched: u64, changed: u64) -> Result<(), Fault> {
    tx.run(
        "UPDATE jobs SET received = ?2, published = ?3 WHERE seq = ?1",
        params![job.seq, int(matched), int(changed)],
    )?;
    Ok(())
}

/// Keeps the highest offset of each partition.
pub(super) fn keep_marks(tx: &Tx<'_>, marks: &[RecordMark]) -> Result<(), Fault> {
    for mark in marks {
        tx.run(
            "INSERT INTO log_marks (partition, record_offset, event_id) VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET record_offset = excluded.record_offset, event_id = excluded.event_id
             WHERE excluded.record_offset > record_offset",
            params![mark.partition, mark.offset, mark.event_id],
        )?;
    }
    Ok(())
}

/// Forgets the marks of a log that was given up.
pub(super) fn forget_marks(tx: &Tx<'_>) -> Result<(), Fault> {
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
    if receipts.is_empty() {
        return Ok(());
    }
    let mut merged = self::receipts(tx.connection, job.seq)?;
    for receipt in receipts {
        match merged
            .iter_mut()
            .find(|kept| kept.topic == receipt.topic && kept.partition == receipt.partition)
        {
            Some(kept) => kept.merge(receipt),
            None => merged.push(receipt.clone()),
        }
    }
    for receipt in merged {
        tx.run(
            "INSERT OR REPLACE INTO receipts
                 (job, topic, partition, first_offset, last_offset, events, without_offset)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
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
