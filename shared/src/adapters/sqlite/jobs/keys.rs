//! Idempotency keys: one key stands for one request and its job, also after the job is gone (step 2).

use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use super::fault::Fault;
use super::tx::Tx;
use crate::job::{IdempotencyKey, JobId, RequestDigest};
use crate::ports::{KeptKey, KeyUse};

/// A key lives for this long, or as long as the retention where that is longer.
const KEPT_MS: i64 = 24 * 60 * 60 * 1000;

/// What the key stands for.
pub(super) fn kept(connection: &Connection, key: &IdempotencyKey) -> Result<Option<KeptKey>, Fault> {
    Ok(connection
        .prepare_cached("SELECT request, job FROM keys WHERE key = ?1")?
        .query_row([key.as_str()], |row| {
            Ok(KeptKey {
                request: RequestDigest(row.get(0)?),
                job: JobId(Uuid::from_bytes(row.get(1)?)),
            })
        })
        .optional()?)
}

/// What the key of a new job stands for already; `None` when it has none, or is that very job's.
pub(super) fn taken(tx: &Tx<'_>, used: Option<&KeyUse>, job: JobId) -> Result<Option<KeptKey>, Fault> {
    let Some(used) = used else {
        return Ok(None);
    };
    // The same accept again, after an outcome that was unknown, finds its own key (P3).
    Ok(kept(tx.connection, &used.key)?.filter(|kept| kept.job != job))
}

/// Keeps the key of a new job.
pub(super) fn keep(tx: &Tx<'_>, used: Option<&KeyUse>, job: JobId) -> Result<(), Fault> {
    if let Some(used) = used {
        let until = tx.wall.plus_millis(tx.retention_ms.max(KEPT_MS));
        tx.run(
            "INSERT INTO keys (key, request, job, until_ms) VALUES (?1, ?2, ?3, ?4)",
            params![
                used.key.as_str(),
                used.request.0,
                job.as_bytes(),
                until.as_millis()
            ],
        )?;
    }
    Ok(())
}

/// Forgets up to `limit` keys whose time is over and whose job is gone; returns how many.
pub(super) fn forget(tx: &Tx<'_>, limit: i64) -> Result<usize, Fault> {
    tx.run(
        "DELETE FROM keys WHERE key IN (
             SELECT key FROM keys WHERE until_ms <= ?1 AND NOT EXISTS (SELECT 1 FROM jobs WHERE id = keys.job)
             LIMIT ?2)",
        params![tx.wall.as_millis(), limit],
    )
}
