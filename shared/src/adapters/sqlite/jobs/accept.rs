//! Step 2: job, tasks, rejects and input become visible in one short, flushed transaction (P1).

use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, named_params};
use rustix::fs::statvfs;

use super::upload::{events_of, insert_chunks, insert_rejects, taken_over};
use super::{Fault, JobStore, Now, Write, read};
use crate::job::{JobId, JobRequest, JobState};
use crate::ports::{AcceptStore, Accepted, InputChunk, NewJob, RejectRecord, StoreError, UploadId};

/// An accept that gets no turn for this long is refused (P9).
const PATIENCE: Duration = Duration::from_secs(2);

#[async_trait]
impl AcceptStore for JobStore {
    async fn stage(
        &self,
        upload: UploadId,
        chunks: Vec<InputChunk>,
        rejects: Vec<RejectRecord>,
    ) -> Result<(), StoreError> {
        self.check_room(chunks.iter().map(|chunk| chunk.body.len() as u64).sum())?;
        self.stage_chunks(upload, chunks, rejects).await
    }

    async fn accept(&self, job: NewJob) -> Result<Accepted, StoreError> {
        self.check_room(job.chunks.iter().map(|chunk| chunk.body.len() as u64).sum())?;
        let backlog_limit = self.inner.options.backlog_limit;
        self.write(
            Write::flushed("accept").patience(PATIENCE),
            move |connection, now| {
                check_backlog(connection, backlog_limit)?;
                let seq = insert_job(connection, &job)?;
                insert_tasks(connection, now, seq, &job)?;
                if let JobRequest::Report(report) = &job.request {
                    insert_waits(connection, seq, &report.after)?;
                }
                let view = read::view(connection, seq, 0)?;
                Ok(Accepted { job: view })
            },
        )
        .await
    }

    async fn discard(&self, upload: UploadId) -> Result<(), StoreError> {
        self.discard_upload(upload).await
    }

    async fn sweep_uploads(&self) -> Result<u64, StoreError> {
        self.sweep_lapsed_uploads().await
    }
}

impl JobStore {
    /// P4: emptying a full disk writes too, so admission stops while there is still room for that.
    fn check_room(&self, body_bytes: u64) -> Result<(), StoreError> {
        let reserve = self.inner.options.disk_reserve_bytes;
        let free = match statvfs(&self.inner.path) {
            Ok(disk) => disk.f_bavail.saturating_mul(disk.f_frsize),
            Err(source) => {
                return Err(StoreError::Failed {
                    operation: "statvfs",
                    source: Box::new(source),
                });
            }
        };
        if free < reserve.saturating_add(body_bytes) {
            let reason = format!("{free} bytes are free on the disk, and {reserve} are held in reserve");
            return Err(StoreError::Busy { reason });
        }
        Ok(())
    }
}

fn check_backlog(connection: &Connection, limit: u64) -> Result<(), Fault> {
    let open: i64 = connection
        .prepare_cached(
            "SELECT coalesce(sum(jobs), 0) FROM job_counts WHERE state IN ('queued', 'running', 'cancelling')",
        )?
        .query_row([], |row| row.get(0))?;
    if open.unsigned_abs() >= limit {
        return Err(Fault::Busy(format!(
            "{open} jobs have not ended, and the limit is {limit}"
        )));
    }
    Ok(())
}

fn insert_job(connection: &Connection, job: &NewJob) -> Result<i64, Fault> {
    let input = match job.request {
        JobRequest::Submit(_) => Some(insert_input(connection, job)?),
        JobRequest::Report(_) => None,
    };
    connection
        .prepare_cached(
            "INSERT INTO jobs (id, kind, request, root, input, trace, state, change_no, open_tasks,
                received, rejected, created_ms)
             VALUES (:id, :kind, :request, :id, :input, :trace, :state,
                (SELECT coalesce(max(change_no), 0) + 1 FROM jobs), :open_tasks,
                :received, :rejected, :created_ms)",
        )?
        .execute(named_params! {
            ":id": job.id.as_bytes(),
            ":kind": job.request.kind().as_str(),
            ":request": serde_json::to_string(&job.request)?,
            ":input": input,
            ":trace": job.trace.to_string(),
            ":state": JobState::Queued.as_str(),
            ":open_tasks": job.tasks.len() as i64,
            ":received": job.received.cast_signed(),
            ":rejected": job.rejected.cast_signed(),
            ":created_ms": job.created_at.as_millis(),
        })?;
    Ok(connection.last_insert_rowid())
}

fn insert_input(connection: &Connection, job: &NewJob) -> Result<i64, Fault> {
    let input = taken_over(connection, job.upload)?;
    insert_chunks(connection, input, &job.chunks)?;
    insert_rejects(connection, input, &job.rejects)?;
    let promised: u64 = job.tasks.iter().map(|task| task.events).sum();
    if job.upload.is_some() && events_of(connection, input)? != promised {
        return Err(Fault::UploadLapsed);
    }
    Ok(input)
}

fn insert_tasks(connection: &Connection, now: Now, seq: i64, job: &NewJob) -> Result<(), Fault> {
    let deadline_ms = match &job.request {
        JobRequest::Submit(_) => None,
        JobRequest::Report(report) => Some(
            job.created_at
                .plus_millis(i64::from(report.deadline_s) * 1000)
                .as_millis(),
        ),
    };
    let mut insert = connection.prepare_cached(
        "INSERT INTO tasks (job, task, queue, state, events, due_boot_ms, deadline_ms)
         VALUES (?1, ?2, ?3, 'queued', ?4, ?5, ?6)",
    )?;
    for (number, task) in job.tasks.iter().enumerate() {
        let queue = task.queue.as_str();
        insert.execute((
            seq,
            number as i64,
            queue,
            task.events.cast_signed(),
            now.boot_ms,
            deadline_ms,
        ))?;
    }
    Ok(())
}

/// A job that has ended, or is gone, is not awaited.
fn insert_waits(connection: &Connection, waiter: i64, after: &[JobId]) -> Result<(), Fault> {
    let mut awaited_jobs = 0;
    for id in after {
        let awaited: Option<i64> = connection
            .prepare_cached(
                "SELECT seq FROM jobs WHERE id = ?1 AND state IN ('queued', 'running', 'cancelling')",
            )?
            .query_row([id.as_bytes()], |row| row.get(0))
            .optional()?;
        if let Some(awaited) = awaited {
            awaited_jobs += connection
                .prepare_cached("INSERT INTO waits VALUES (?1, ?2) ON CONFLICT DO NOTHING")?
                .execute((awaited, waiter))?;
        }
    }
    connection
        .prepare_cached("UPDATE jobs SET awaited_jobs = ?2 WHERE seq = ?1")?
        .execute((waiter, awaited_jobs as i64))?;
    Ok(())
}
