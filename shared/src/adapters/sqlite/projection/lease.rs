//! The projector's lease: one process folds, the others stand by (P16), by the boot clock (P8).

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};

use super::fault::Fault;
use super::generation;
use crate::job::WorkerId;
use crate::mutant::{self, Mutant};
use crate::ports::ProjectorLease;

/// Takes the lease where it is free or lapsed, renews it where it is `worker`'s.
pub(super) fn hold(
    file: &Connection,
    worker: WorkerId,
    boot_id: &str,
    now_boot_ms: i64,
    ttl: Duration,
) -> Result<Option<ProjectorLease>, Fault> {
    let stored = read(file)?;
    let token = match &stored {
        None => 1,
        Some(stored) if stored.is_of(&worker) && stored.boot_id == boot_id => stored.token,
        Some(stored) if stored.is_live(boot_id, now_boot_ms) => return Ok(None),
        Some(stored) => stored.token + 1,
    };
    let ttl_ms = i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX);
    file.prepare_cached(
        "INSERT OR REPLACE INTO projector (one, worker, token, boot_id, until_boot_ms) VALUES (1, ?1, ?2, ?3, ?4)",
    )?
    .execute(params![worker.0, token, boot_id, now_boot_ms.saturating_add(ttl_ms)])?;
    Ok(Some(ProjectorLease {
        worker,
        token,
        generation: generation::present(file)?,
    }))
}

/// Refuses a lease that another one has followed, or that was taken before a rebuild (P20). One that has only lapsed
/// still holds: nobody else has folded.
pub(super) fn check(file: &Connection, lease: &ProjectorLease) -> Result<(), Fault> {
    match read(file)? {
        Some(stored)
            if stored.is_of(&lease.worker)
                && stored.token == lease.token
                && generation::present(file)? == lease.generation =>
        {
            Ok(())
        }
        _ if mutant::on(Mutant::NoCompareAndSet) || mutant::on(Mutant::NoLeaseCheck) => Ok(()),
        _ => Err(Fault::Fenced),
    }
}

/// Gives the lease back; one that another has followed is left alone.
pub(super) fn release(file: &Connection, lease: &ProjectorLease) -> rusqlite::Result<()> {
    file.prepare_cached("UPDATE projector SET worker = NULL WHERE worker = ?1 AND token = ?2")?
        .execute(params![lease.worker.0, lease.token])
        .map(drop)
}

/// Who holds a live lease.
pub(super) fn holder(
    file: &Connection,
    boot_id: &str,
    now_boot_ms: i64,
) -> rusqlite::Result<Option<WorkerId>> {
    let stored = read(file)?.filter(|stored| stored.is_live(boot_id, now_boot_ms));
    Ok(stored.and_then(|stored| stored.worker).map(WorkerId))
}

struct Stored {
    worker: Option<String>,
    token: i64,
    boot_id: String,
    until_boot_ms: i64,
}

impl Stored {
    fn is_of(&self, worker: &WorkerId) -> bool {
        self.worker.as_deref() == Some(worker.0.as_str())
    }

    fn is_live(&self, boot_id: &str, now_boot_ms: i64) -> bool {
        self.worker.is_some() && self.boot_id == boot_id && self.until_boot_ms > now_boot_ms
    }
}

fn read(file: &Connection) -> rusqlite::Result<Option<Stored>> {
    file.prepare_cached("SELECT worker, token, boot_id, until_boot_ms FROM projector")?
        .query_row([], |row| {
            Ok(Stored {
                worker: row.get(0)?,
                token: row.get(1)?,
                boot_id: row.get(2)?,
                until_boot_ms: row.get(3)?,
            })
        })
        .optional()
}
