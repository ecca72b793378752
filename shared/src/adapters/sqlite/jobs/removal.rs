//! Jobs that are removed, by request or past their retention, and what they leave (P2, P23).

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, params};

use super::fault::Fault;
use super::tx::Tx;
use super::{JobStore, keys, read, rows, staging};
use crate::adapters::sqlite::Write;
use crate::job::JobId;
use crate::ports::{DeleteOutcome, JobLookup, Purged, RetentionStore, StoreError};
use crate::time::Timestamp;

/// Keys and tombstones that one turn forgets.
const FORGET_MAX: i64 = 1_000;

/// What a job has in tables of its own, beside its row.
const PARTS: [&str; 7] = [
    "DELETE FROM attempts WHERE job = ?1",
    "DELETE FROM receipts WHERE job = ?1",
    "DELETE FROM report_rows WHERE job = ?1",
    "DELETE FROM reports WHERE job = ?1",
    "DELETE FROM job_labels WHERE job = ?1",
    "DELETE FROM waits WHERE waiter = ?1",
    "DELETE FROM tasks WHERE job = ?1",
];

#[async_trait]
impl RetentionStore for JobStore {
    async fn purge(&self, limit: usize) -> Result<Purged, StoreError> {
        let now = self.clock().wall();
        let any = self
            .read("purge", move |connection| is_any_over(connection, now))
            .await?;
        if !any {
            return Ok(Purged::default());
        }
        self.write(Write::flushed("purge"), move |tx| purge(tx, limit))
            .await
    }
}

/// Removes a job that has ended.
pub(super) fn delete(tx: &Tx<'_>, id: JobId) -> Result<DeleteOutcome, Fault> {
    Ok(match rows::job_by_id(tx, id)? {
        Some(job) if job.state.is_terminal() => {
            remove(tx, job.seq)?;
            DeleteOutcome::Deleted
        }
        Some(_) => DeleteOutcome::NotEnded,
        None => match read::lookup(tx.connection, id, 0)? {
            JobLookup::Gone => DeleteOutcome::Gone,
            JobLookup::Unknown | JobLookup::Found(_) => DeleteOutcome::Unknown,
        },
    })
}

/// Leaves a tombstone of the job, and its input only where a retry or its root still refers to it.
fn remove(tx: &Tx<'_>, seq: i64) -> Result<(), Fault> {
    for part in PARTS {
        tx.run(part, [seq])?;
    }
    let (id, root, input): ([u8; 16], [u8; 16], [u8; 16]) = tx
        .statement("DELETE FROM jobs WHERE seq = ?1 RETURNING id, root, input")?
        .query_row([seq], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    tx.run(
        "INSERT OR REPLACE INTO tombstones (id, until_ms) VALUES (?1, ?2)",
        params![id, tx.wall.plus_millis(tx.tombstones_ms).as_millis()],
    )?;
    tx.run(
        "INSERT OR IGNORE INTO orphans (owner)
         SELECT ?1 WHERE NOT EXISTS (SELECT 1 FROM jobs WHERE input = ?1 AND retry_of IS NOT NULL)
                     AND NOT EXISTS (SELECT 1 FROM jobs WHERE id = ?2)",
        params![input, root],
    )?;
    tx.run(
        "DELETE FROM mailed
         WHERE root = ?1 AND NOT EXISTS (SELECT 1 FROM jobs WHERE input = ?2 AND retry_of IS NOT NULL)
           AND NOT EXISTS (SELECT 1 FROM jobs WHERE id = ?1)",
        params![root, input],
    )?;
    Ok(())
}

fn purge(tx: &Tx<'_>, limit: usize) -> Result<Purged, Fault> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let expired: Vec<i64> = tx
        .statement("SELECT seq FROM jobs WHERE expires_ms IS NOT NULL AND expires_ms <= ?1 ORDER BY expires_ms LIMIT ?2")?
        .query_map(params![tx.wall.as_millis(), limit], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for seq in &expired {
        remove(tx, *seq)?;
    }
    tx.run(
        "DELETE FROM tombstones WHERE id IN (SELECT id FROM tombstones WHERE until_ms <= ?1 LIMIT ?2)",
        params![tx.wall.as_millis(), FORGET_MAX],
    )?;
    keys::forget(tx, FORGET_MAX)?;
    drop_orphan(tx)?;
    Ok(Purged {
        jobs: expired.len() as u64,
        more: is_any_over(tx.connection, tx.wall)?,
    })
}

/// Whether a purge would find something to do.
fn is_any_over(connection: &Connection, now: Timestamp) -> Result<bool, Fault> {
    Ok(connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM jobs WHERE expires_ms IS NOT NULL AND expires_ms <= ?1)
                 OR EXISTS (SELECT 1 FROM tombstones WHERE until_ms <= ?1)
                 OR EXISTS (SELECT 1 FROM keys WHERE until_ms <= ?1
                            AND NOT EXISTS (SELECT 1 FROM jobs WHERE id = keys.job))
                 OR EXISTS (SELECT 1 FROM orphans)",
        )?
        .query_row([now.as_millis()], |row| row.get(0))?)
}

/// A part of one orphaned input, and its name with the last part.
fn drop_orphan(tx: &Tx<'_>) -> Result<(), Fault> {
    let owner: Option<[u8; 16]> = tx
        .statement("SELECT owner FROM orphans LIMIT 1")?
        .query_row([], |row| row.get(0))
        .optional()?;
    if let Some(owner) = owner
        && !staging::drop_part(tx, &owner)?
    {
        tx.run("DELETE FROM orphans WHERE owner = ?1", [owner])?;
    }
    Ok(())
}
