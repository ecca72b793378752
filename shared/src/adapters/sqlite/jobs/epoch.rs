//! The first open under another boot id raises the epoch, flushed before anything is answered (P2, P8).

use std::path::Path;

use rusqlite::{Connection, params};

use super::fault::JobStoreError;
use crate::adapters::sqlite::turnstile::Turnstile;
use crate::adapters::sqlite::{Schema, file};
use crate::ports::Clock;

/// What the store was when it was opened.
pub(super) struct Opened {
    /// Its epoch under this boot.
    pub(super) epoch: u64,
    /// The number of the last change.
    pub(super) last_change: i64,
    /// Whether this was the first open under this boot.
    pub(super) raised: bool,
}

/// Keeps the epoch, and what counts on the clock of one boot.
pub(super) fn keep(path: &Path, boot_id: &str, clock: &dyn Clock) -> Result<Opened, JobStoreError> {
    let turnstile = Turnstile::open(path).map_err(JobStoreError::Lock)?;
    let _turn = turnstile.take().map_err(JobStoreError::Lock)?;
    let connection = file::connect(path, Schema::CACHE_KIB).map_err(JobStoreError::Epoch)?;
    raise(&connection, boot_id, clock).map_err(JobStoreError::Epoch)
}

pub(super) fn raise(connection: &Connection, boot_id: &str, clock: &dyn Clock) -> rusqlite::Result<Opened> {
    connection.execute_batch("BEGIN IMMEDIATE")?;
    let raised = connection.execute(
        "UPDATE meta SET epoch = epoch + 1, boot_id = ?1 WHERE one = 1 AND boot_id <> ?1",
        params![boot_id],
    )?;
    if raised > 0 {
        // P8: what was counted on another boot's clock has lapsed and is due; its wake-ups may be lost.
        connection.execute_batch(
            "UPDATE tasks SET at_boot_ms = 0, standing = 'unsent', dispatch_no = dispatch_no + 1, resends = 0
                 WHERE state = 'queued' AND standing IN ('unsent', 'sent');
             UPDATE tasks SET lease_until_boot_ms = 0 WHERE state = 'leased';
             UPDATE uploads SET lease_until_boot_ms = 0;
             UPDATE rescuer SET until_boot_ms = 0;
             UPDATE jobs SET progress_boot_ms = 0 WHERE progress_boot_ms > 0 AND ended_ms IS NULL",
        )?;
    }
    // What remains of a deadline is counted on this boot's clock from now on.
    connection.execute(
        "UPDATE tasks SET deadline_boot_ms = ?1 + max(deadline_ms - ?2, 0)
         WHERE state IN ('queued', 'leased') AND deadline_ms IS NOT NULL AND (?3 OR deadline_boot_ms IS NULL)",
        params![clock.boot_ms(), clock.wall().as_millis(), raised > 0],
    )?;
    let kept = connection.query_row("SELECT epoch, change_seq FROM meta WHERE one = 1", [], |row| {
        Ok((row.get::<_, i64>(0)?, row.get(1)?))
    })?;
    connection.execute_batch("COMMIT")?;
    if raised > 0 {
        tracing::info!(store.epoch = kept.0, "the store was opened under another boot");
    }
    Ok(Opened {
        epoch: u64::try_from(kept.0).unwrap_or(0),
        last_change: kept.1,
        raised: raised > 0,
    })
}
