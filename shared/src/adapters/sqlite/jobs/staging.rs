//! Step 2, long bodies: chunks under an upload's lease, in many small transactions (P1).

use rusqlite::{OptionalExtension, Statement, params};

use super::JobStore;
use super::fault::Fault;
use super::rows::int;
use super::tx::Tx;
use crate::adapters::sqlite::Write;
use crate::ports::{InputChunk, RejectRecord, StoreError, UploadId};
use uuid::Uuid;

/// An upload without a chunk for this long is swept. A slow client may take minutes to fill one.
const UPLOAD_LEASE_MS: i64 = 10 * 60 * 1000;
/// How long a swept upload is remembered, so that its late chunks are refused.
const REMEMBERED_MS: i64 = 60 * 60 * 1000;
/// Chunks dropped in one turn: deleting is writing, and others wait (P9).
const DROP_MAX: u32 = 64;

/// Opens the upload with its first chunk, renews its lease with each further one.
pub(super) fn renew(tx: &Tx<'_>, upload: UploadId) -> Result<(), Fault> {
    let renewed = tx.run(
        "INSERT INTO uploads (id, lease_until_boot_ms) VALUES (?1, ?2)
         ON CONFLICT DO UPDATE SET lease_until_boot_ms = excluded.lease_until_boot_ms WHERE swept = 0",
        params![upload.0.as_bytes(), tx.boot_ms + UPLOAD_LEASE_MS],
    )?;
    if renewed == 0 {
        return Err(Fault::UploadLapsed);
    }
    Ok(())
}

/// P1: the upload ends as a job's input; what was swept before cannot.
pub(super) fn take(tx: &Tx<'_>, upload: UploadId) -> Result<(), Fault> {
    let taken = tx.run(
        "DELETE FROM uploads WHERE id = ?1 AND swept = 0",
        [upload.0.as_bytes()],
    )?;
    if taken == 0 {
        return Err(Fault::UploadLapsed);
    }
    Ok(())
}

pub(super) fn mark_swept(tx: &Tx<'_>, upload: UploadId) -> Result<(), Fault> {
    tx.run(
        "UPDATE uploads SET swept = 1, lease_until_boot_ms = ?2 WHERE id = ?1",
        params![upload.0.as_bytes(), tx.boot_ms],
    )?;
    Ok(())
}

pub(super) fn add_chunks(tx: &Tx<'_>, owner: &[u8; 16], chunks: &[InputChunk]) -> Result<(), Fault> {
    let mut statement = tx.statement(
        "INSERT INTO chunks (owner, task, idx, first_ordinal, events, body)
         VALUES (?1, ?2, (SELECT ifnull(max(idx) + 1, 0) FROM chunks WHERE owner = ?1 AND task = ?2), ?3, ?4, ?5)",
    )?;
    for chunk in chunks {
        statement.execute(params![
            owner,
            chunk.task,
            int(chunk.first_ordinal),
            chunk.events,
            chunk.body.as_ref(),
        ])?;
    }
    Ok(())
}

pub(super) fn add_rejects(tx: &Tx<'_>, owner: &[u8; 16], rejects: &[RejectRecord]) -> Result<(), Fault> {
    if rejects.is_empty() {
        return Ok(());
    }
    let mut statement = tx.statement(
        "INSERT INTO rejects (owner, line, pointer, code, reason, raw) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    for reject in rejects {
        statement.execute(params![
            owner,
            int(reject.line),
            reject.pointer,
            reject.code,
            reject.reason,
            reject.raw,
        ])?;
    }
    Ok(())
}

/// Reads a [`chunk`].
pub(super) const CHUNK: &str = "SELECT first_ordinal, events, body FROM chunks
     WHERE owner = ?1 AND task = ?2 AND idx = ?3 AND length(body) <= ?4";

/// Chunk number `index` of a task's input, read by [`CHUNK`].
pub(super) fn chunk(
    statement: &mut Statement<'_>,
    owner: &[u8; 16],
    task: u32,
    index: u32,
    bytes_max: i64,
) -> Result<Option<InputChunk>, Fault> {
    Ok(statement
        .query_row(params![owner, task, index, bytes_max], |row| {
            Ok(InputChunk {
                task,
                first_ordinal: super::rows::count(row.get(0)?),
                events: row.get(1)?,
                body: row.get::<_, Vec<u8>>(2)?.into(),
            })
        })
        .optional()?)
}

impl JobStore {
    pub(super) async fn sweep_lapsed_uploads(&self) -> Result<u64, StoreError> {
        let mut swept = 0;
        while let Some(upload) = self.write(Write::relaxed("sweep"), sweep_next).await? {
            self.drop_staged(upload).await?;
            swept += 1;
        }
        Ok(swept)
    }

    /// Drops what was staged under a swept upload, a little in each turn.
    pub(super) async fn drop_staged(&self, upload: UploadId) -> Result<(), StoreError> {
        while self
            .write(Write::relaxed("drop_staged"), move |tx| drop_some(tx, upload))
            .await?
        {}
        Ok(())
    }
}

fn sweep_next(tx: &Tx<'_>) -> Result<Option<UploadId>, Fault> {
    // A process may have died between marking an upload and dropping all that it had staged.
    macro_rules! holds {
        () => {
            "(EXISTS (SELECT 1 FROM chunks WHERE owner = uploads.id)
              OR EXISTS (SELECT 1 FROM rejects WHERE owner = uploads.id))"
        };
    }
    tx.run(
        concat!(
            "DELETE FROM uploads WHERE swept = 1 AND lease_until_boot_ms < ?1 AND NOT ",
            holds!()
        ),
        [tx.boot_ms - REMEMBERED_MS],
    )?;
    let lapsed: Option<[u8; 16]> = tx
        .statement(concat!(
            "SELECT id FROM uploads WHERE lease_until_boot_ms <= ?1 AND (swept = 0 OR ",
            holds!(),
            ") LIMIT 1"
        ))?
        .query_row([tx.boot_ms], |row| row.get(0))
        .optional()?;
    let Some(lapsed) = lapsed.map(|id| UploadId(Uuid::from_bytes(id))) else {
        return Ok(None);
    };
    mark_swept(tx, lapsed)?;
    Ok(Some(lapsed))
}

/// Whether more is left.
fn drop_some(tx: &Tx<'_>, upload: UploadId) -> Result<bool, Fault> {
    let owner = upload.0.as_bytes();
    let still_staged: bool = tx
        .statement("SELECT EXISTS (SELECT 1 FROM uploads WHERE id = ?1 AND swept = 1)")?
        .query_row([owner], |row| row.get(0))?;
    if !still_staged {
        // Never opened, or accepted in the meantime: then the chunks are a job's.
        return Ok(false);
    }
    drop_part(tx, owner)
}

/// Drops a part of the owner's input and rejects; whether there was any.
pub(super) fn drop_part(tx: &Tx<'_>, owner: &[u8; 16]) -> Result<bool, Fault> {
    let chunks = tx.run(
        "DELETE FROM chunks WHERE rowid IN (SELECT rowid FROM chunks WHERE owner = ?1 LIMIT ?2)",
        params![owner, DROP_MAX],
    )?;
    let rejects = tx.run(
        "DELETE FROM rejects WHERE id IN (SELECT id FROM rejects WHERE owner = ?1 LIMIT ?2)",
        params![owner, DROP_MAX * 64],
    )?;
    Ok(chunks + rejects > 0)
}
