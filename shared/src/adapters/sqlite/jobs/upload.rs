//! Long bodies: chunks and rejects staged under an upload row whose lease each chunk renews (P1).

use rusqlite::{Connection, OptionalExtension};

use super::{Fault, JobStore, Now, Write};
use crate::ports::{InputChunk, RejectRecord, StoreError, UploadId};

/// How long an upload may go without a chunk. Longer than any body may go without a byte.
const UPLOAD_LEASE_MS: i64 = 2 * 3600 * 1000;

impl JobStore {
    pub(super) async fn stage_chunks(
        &self,
        upload: UploadId,
        chunks: Vec<InputChunk>,
        rejects: Vec<RejectRecord>,
    ) -> Result<(), StoreError> {
        self.write(Write::relaxed("stage"), move |connection, now| {
            let input = renewed(connection, now, upload)?;
            insert_chunks(connection, input, &chunks)?;
            insert_rejects(connection, input, &rejects)
        })
        .await
    }

    pub(super) async fn discard_upload(&self, upload: UploadId) -> Result<(), StoreError> {
        self.write(Write::relaxed("discard"), move |connection, _| {
            connection
                .prepare_cached("DELETE FROM inputs WHERE upload = ?1")?
                .execute([upload.0.as_bytes()])?;
            Ok(())
        })
        .await
    }

    pub(super) async fn sweep_lapsed_uploads(&self) -> Result<u64, StoreError> {
        self.write(Write::relaxed("sweep uploads"), |connection, now| {
            let swept = connection
                .prepare_cached("DELETE FROM inputs WHERE upload IS NOT NULL AND lease_until_boot_ms < ?1")?
                .execute([now.boot_ms])?;
            Ok(swept as u64)
        })
        .await
    }
}

fn renewed(connection: &Connection, now: Now, upload: UploadId) -> Result<i64, Fault> {
    let input = connection
        .prepare_cached(
            "INSERT INTO inputs (upload, lease_until_boot_ms) VALUES (?1, ?2)
             ON CONFLICT (upload) DO UPDATE SET lease_until_boot_ms = excluded.lease_until_boot_ms
             RETURNING id",
        )?
        .query_row((upload.0.as_bytes(), now.boot_ms + UPLOAD_LEASE_MS), |row| {
            row.get(0)
        })?;
    Ok(input)
}

/// The input of a job that becomes visible: what was staged, complete, or a new one.
///
/// A swept upload that later chunks have opened again holds fewer events than the job says.
pub(super) fn taken_over(connection: &Connection, upload: Option<UploadId>) -> Result<i64, Fault> {
    let Some(upload) = upload else {
        connection
            .prepare_cached("INSERT INTO inputs (upload) VALUES (NULL)")?
            .execute([])?;
        return Ok(connection.last_insert_rowid());
    };
    connection
        .prepare_cached(
            "UPDATE inputs SET upload = NULL, lease_until_boot_ms = NULL WHERE upload = ?1 RETURNING id",
        )?
        .query_row([upload.0.as_bytes()], |row| row.get(0))
        .optional()?
        .ok_or(Fault::UploadLapsed)
}

/// The events that an input holds.
pub(super) fn events_of(connection: &Connection, input: i64) -> Result<u64, Fault> {
    let events: i64 = connection
        .prepare_cached("SELECT coalesce(sum(events), 0) FROM chunks WHERE input = ?1")?
        .query_row([input], |row| row.get(0))?;
    Ok(events.unsigned_abs())
}

pub(super) fn insert_chunks(connection: &Connection, input: i64, chunks: &[InputChunk]) -> Result<(), Fault> {
    let mut insert = connection.prepare_cached("INSERT INTO chunks VALUES (?1, ?2, ?3, ?4, ?5)")?;
    for chunk in chunks {
        insert.execute((
            input,
            chunk.task,
            chunk.first_ordinal.cast_signed(),
            chunk.events,
            &chunk.body[..],
        ))?;
    }
    Ok(())
}

pub(super) fn insert_rejects(
    connection: &Connection,
    input: i64,
    rejects: &[RejectRecord],
) -> Result<(), Fault> {
    let mut insert = connection.prepare_cached("INSERT INTO rejects VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
    for reject in rejects {
        insert.execute((
            input,
            reject.line.cast_signed(),
            &reject.pointer,
            reject.code,
            &reject.reason,
            &reject.raw,
        ))?;
    }
    Ok(())
}
