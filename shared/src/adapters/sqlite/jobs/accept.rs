//! Step 2: job, tasks, input and rejects become visible in one flushed transaction (P1, P4).

use std::time::Duration;

use async_trait::async_trait;
use rusqlite::params;

use super::fault::Fault;
use super::rows::{self, int};
use super::tx::Tx;
use super::{JobStore, keys, read, staging};
use crate::adapters::sqlite::Write;
use crate::job::{IdempotencyKey, JobRequest, JobState, Labels};
use crate::ports::{
    AcceptStore, Accepted, InputChunk, JobChange, KeptKey, NewJob, RejectRecord, StoreError, UploadId,
};
use crate::time::Timestamp;

/// How long an accept waits for its turn before it is refused (P9).
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

#[async_trait]
impl AcceptStore for JobStore {
    async fn stage(
        &self,
        upload: UploadId,
        chunks: Vec<InputChunk>,
        rejects: Vec<RejectRecord>,
    ) -> Result<(), StoreError> {
        let bytes = chunks.iter().map(|chunk| chunk.body.len()).sum();
        let _admitted = self.admit(bytes).await?;
        self.write(Write::relaxed("stage").patience(PATIENCE), move |tx| {
            admit(tx)?;
            staging::renew(tx, upload)?;
            staging::add_chunks(tx, upload.0.as_bytes(), &chunks)?;
            staging::add_rejects(tx, upload.0.as_bytes(), &rejects)
        })
        .await
    }

    async fn accept(&self, job: NewJob) -> Result<Accepted, StoreError> {
        let bytes = job.chunks.iter().map(|chunk| chunk.body.len()).sum();
        let _admitted = self.admit(bytes).await?;
        self.write(Write::flushed("accept").patience(PATIENCE), move |tx| {
            accept(tx, &job)
        })
        .await
    }

    async fn key(&self, key: &IdempotencyKey) -> Result<Option<KeptKey>, StoreError> {
        let key = key.clone();
        self.read("key", move |connection| keys::kept(connection, &key))
            .await
    }

    async fn discard(&self, upload: UploadId) -> Result<(), StoreError> {
        self.write(Write::relaxed("discard"), move |tx| {
            staging::mark_swept(tx, upload)
        })
        .await?;
        self.drop_staged(upload).await
    }

    async fn sweep_uploads(&self) -> Result<u64, StoreError> {
        self.sweep_lapsed_uploads().await
    }
}

/// P4: no more is taken in than the backlog allows.
pub(super) fn admit(tx: &Tx<'_>) -> Result<(), Fault> {
    let open = tx.sums().open_jobs(tx.connection)?;
    if rows::count(open) >= tx.backlog_limit {
        return Err(Fault::Busy(format!(
            "{open} jobs have not ended, and {} may wait at a time",
            tx.backlog_limit
        )));
    }
    Ok(())
}

/// Makes the job visible with all that it brings.
pub(super) fn accept(tx: &Tx<'_>, job: &NewJob) -> Result<Accepted, Fault> {
    if let Some(kept) = keys::taken(tx, job.key.as_ref(), job.id)? {
        return Ok(Accepted::KeyKept(kept));
    }
    let input = job
        .upload
        .map_or(*job.id.as_bytes(), |upload| *upload.0.as_bytes());
    let room = admit(tx);
    let inserted = match &room {
        Ok(()) => insert_job(tx, job, &input)?,
        Err(_) => None,
    };
    let Some(seq) = inserted else {
        // The same accept again, after an outcome that was unknown (P3), or there is no room.
        let made = read::view(tx.connection, job.id, 0)?;
        return match (made, room) {
            (Some(view), _) => Ok(Accepted::Made(Box::new(view))),
            (None, Err(full)) => Err(full),
            (None, Ok(())) => Err(Fault::corrupt("jobs.id", job.id)),
        };
    };
    if let Some(upload) = job.upload {
        staging::take(tx, upload)?;
    }
    insert_tasks(tx, job, seq)?;
    staging::add_chunks(tx, &input, &job.chunks)?;
    staging::add_rejects(tx, &input, &job.rejects)?;
    insert_labels(tx, &job.labels, seq)?;
    insert_waits(tx, &job.request, seq)?;
    keys::keep(tx, job.key.as_ref(), job.id)?;
    tx.sums().enter(job.request.kind(), JobState::Queued);
    Ok(Accepted::Made(Box::new(job.accepted(seq))))
}

/// Its place in the order of acceptance; `None` when the job is there already.
fn insert_job(tx: &Tx<'_>, job: &NewJob, input: &[u8; 16]) -> Result<Option<i64>, Fault> {
    let open_tasks = u32::try_from(job.tasks.len()).unwrap_or(u32::MAX);
    let inserted = tx.run(
        "INSERT INTO jobs (id, kind, state, revision, change_seq, open_tasks, received, rejected, created_ms,
                           root, input, trace, request, labels)
         VALUES (?1, ?2, ?3, ?12, 0, ?4, ?5, ?6, ?7, ?1, ?8, ?9, ?10, ?11)
         ON CONFLICT (id) DO NOTHING",
        params![
            job.id.as_bytes(),
            job.request.kind().as_str(),
            JobState::Queued.as_str(),
            open_tasks,
            int(job.received),
            int(job.rejected),
            job.created_at.as_millis(),
            input,
            job.trace.to_string(),
            rows::to_json(&job.request),
            (!job.labels.is_empty()).then(|| rows::to_json(&job.labels)),
            int(NewJob::FIRST_REVISION),
        ],
    )?;
    if inserted == 0 {
        return Ok(None);
    }
    let seq = tx.connection.last_insert_rowid();
    tx.tell(JobChange::made(job.id))?;
    Ok(Some(seq))
}

fn insert_tasks(tx: &Tx<'_>, job: &NewJob, seq: i64) -> Result<(), Fault> {
    let deadline = Deadline::of(tx, &job.request, job.created_at);
    let mut statement = tx.statement(
        "INSERT INTO tasks (job, no, queue, state, standing, at_boot_ms, events, deadline_ms, deadline_boot_ms)
         VALUES (?1, ?2, ?3, 'queued', 'unsent', ?4, ?5, ?6, ?7)",
    )?;
    for (no, task) in (0_u32..).zip(&job.tasks) {
        statement.execute(params![
            seq,
            no,
            task.queue.as_str(),
            tx.boot_ms,
            int(task.events),
            deadline.wall_ms,
            deadline.boot_ms,
        ])?;
    }
    Ok(())
}

fn insert_labels(tx: &Tx<'_>, labels: &Labels, seq: i64) -> Result<(), Fault> {
    for (key, value) in labels.iter() {
        tx.run(
            "INSERT INTO job_labels (key, value, job) VALUES (?1, ?2, ?3)",
            params![key, value, seq],
        )?;
    }
    Ok(())
}

/// Until when a task has to be done; `None` for ever.
pub(super) struct Deadline {
    /// What remains of it under another boot.
    pub(super) wall_ms: Option<i64>,
    /// P8: what counts under this one.
    pub(super) boot_ms: Option<i64>,
}

impl Deadline {
    /// The deadline of a request that was made at `created_at`.
    pub(super) fn of(tx: &Tx<'_>, request: &JobRequest, created_at: Timestamp) -> Self {
        let after_ms = match request {
            JobRequest::Report(report) => Some(i64::from(report.deadline_s) * 1000),
            JobRequest::Submit(_) | JobRequest::Cancel(_) | JobRequest::Retry(_) => None,
        };
        Self {
            wall_ms: after_ms.map(|after| created_at.plus_millis(after).as_millis()),
            boot_ms: after_ms.map(|after| tx.boot_ms + after),
        }
    }
}

/// A job that is unknown or purged counts as ended.
pub(super) fn insert_waits(tx: &Tx<'_>, request: &JobRequest, seq: i64) -> Result<(), Fault> {
    let JobRequest::Report(report) = request else {
        return Ok(());
    };
    for awaited in &report.after {
        if let Some(awaited) = rows::job_by_id(tx, *awaited)?
            && !awaited.state.is_terminal()
            && awaited.seq != seq
        {
            tx.run(
                "INSERT OR IGNORE INTO waits (awaited, waiter) VALUES (?1, ?2)",
                params![awaited.seq, seq],
            )?;
            tx.sums().note_waiter();
        }
    }
    Ok(())
}
