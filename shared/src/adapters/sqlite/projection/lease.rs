//! The projector's lease: one process folds, the others stand by (P16).

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension};

use super::Fault;
use crate::job::WorkerId;
use crate::ports::ProjectorLease;

/// Takes or renews the lease; the token rises with each holder.
pub(super) fn hold(
    connection: &Connection,
    worker: &WorkerId,
    ttl: Duration,
    now_boot_ms: i64,
    boot_id: &str,
) -> Result<Option<ProjectorLease>, Fault> {
    let until = now_boot_ms.saturating_add(i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX));
    let token = connection
        .prepare_cached(
            "INSERT INTO duties VALUES ('projector', ?1, 1, ?2, ?3) ON CONFLICT (name) DO UPDATE
                SET token = token + (worker <> excluded.worker), worker = excluded.worker,
                    until_boot_ms = excluded.until_boot_ms, boot_id = excluded.boot_id
                WHERE worker = excluded.worker OR until_boot_ms < ?4 OR boot_id <> excluded.boot_id
             RETURNING token",
        )?
        .query_row((&worker.0, until, boot_id, now_boot_ms), |row| row.get(0))
        .optional()?;
    Ok(token.map(|token| ProjectorLease {
        worker: worker.clone(),
        token,
    }))
}

/// Fails when somebody else has held the lease since.
pub(super) fn check(connection: &Connection, lease: &ProjectorLease) -> Result<(), Fault> {
    let ours = connection
        .prepare_cached("SELECT 1 FROM duties WHERE name = 'projector' AND worker = ?1 AND token = ?2")?
        .exists((&lease.worker.0, lease.token))?;
    if ours { Ok(()) } else { Err(Fault::Fenced) }
}

/// Lets the next process take over at once.
pub(super) fn release(connection: &Connection, lease: &ProjectorLease) -> Result<(), Fault> {
    // The row stays, so that the token goes on rising.
    connection
        .prepare_cached(
            "UPDATE duties SET until_boot_ms = -1 WHERE name = 'projector' AND worker = ?1 AND token = ?2",
        )?
        .execute((&lease.worker.0, lease.token))?;
    Ok(())
}

/// Who holds the lease now.
pub(super) fn holder(
    connection: &Connection,
    now_boot_ms: i64,
    boot_id: &str,
) -> Result<Option<WorkerId>, Fault> {
    let holder = connection
        .prepare_cached(
            "SELECT worker FROM duties WHERE name = 'projector' AND until_boot_ms >= ?1 AND boot_id = ?2",
        )?
        .query_row((now_boot_ms, boot_id), |row| row.get(0).map(WorkerId))
        .optional()?;
    Ok(holder)
}
