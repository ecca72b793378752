//! Steps 4 and 7: claims, heartbeats, input; outcomes are in [`super::finish`].

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, named_params};

use super::moves::{changed, job_row, start_job, task_state};
use super::{Fault, JobStore, Now, Write};
use crate::job::{JobId, JobState, Lease, TaskRef, TaskTransition, WorkerId};
use crate::ports::{
    AttemptStore, Claimed, Finished, Heartbeat, HeartbeatOutcome, InputChunk, Outcome, RecordMark, StoreError,
};
use crate::time::Timestamp;

/// Attempts of a job that are kept; the contract shows the last ten.
const ATTEMPTS_KEPT: i64 = 10;
/// A first chunk up to this size comes with the claim.
const FIRST_CHUNK_BYTES: i64 = 64 * 1024;
/// Progress moves a job's revision at most this often.
const PROGRESS_EVERY_MS: i64 = 1000;

#[async_trait]
impl AttemptStore for JobStore {
    async fn claim(&self, tasks: Vec<TaskRef>, worker: &WorkerId) -> Result<Vec<Claimed>, StoreError> {
        let worker = worker.clone();
        let lease_ms = self.lease_ms();
        self.write(Write::relaxed("claim"), move |connection, now| {
            let claims = tasks
                .iter()
                .map(|task| claim(connection, now, *task, &worker, lease_ms));
            claims.filter_map(Result::transpose).collect()
        })
        .await
    }

    async fn heartbeat(&self, beats: Vec<Heartbeat>) -> Result<Vec<HeartbeatOutcome>, StoreError> {
        let lease_ms = self.lease_ms();
        self.write(Write::relaxed("heartbeat").first(), move |connection, now| {
            beats
                .iter()
                .map(|beat| extend(connection, now, beat, lease_ms))
                .collect()
        })
        .await
    }

    async fn input(&self, root: JobId, task: u32, index: u32) -> Result<Option<InputChunk>, StoreError> {
        self.read("input", move |connection| {
            let chunk = connection
                .prepare_cached(
                    "SELECT first_ordinal, events, body FROM chunks
                     WHERE input = (SELECT input FROM jobs WHERE id = ?1) AND task = ?2
                     ORDER BY first_ordinal LIMIT 1 OFFSET ?3",
                )?
                .query_row((root.as_bytes(), task, index), |row| chunk(task, row))
                .optional()?;
            Ok(chunk)
        })
        .await
    }

    async fn finish(&self, lease: Lease, outcome: Outcome) -> Result<Finished, StoreError> {
        self.finish_attempt(lease, outcome).await
    }

    async fn log_marks(&self) -> Result<Vec<RecordMark>, StoreError> {
        self.read("log marks", |connection| {
            let marks = connection
                .prepare_cached("SELECT partition, offset, event_id FROM log_marks ORDER BY partition")?
                .query_map([], |row| {
                    Ok(RecordMark {
                        partition: row.get(0)?,
                        offset: row.get(1)?,
                        event_id: row.get(2)?,
                    })
                })?
                .collect::<Result<_, _>>()?;
            Ok(marks)
        })
        .await
    }
}

/// What a claim reads of its task.
struct Candidate {
    state: String,
    events: i64,
    ready: bool,
    attempts: u32,
    token: i64,
    parked: Option<String>,
}

/// Claims one task; `None` when it is not to be had (P6).
fn claim(
    connection: &Connection,
    now: Now,
    task: TaskRef,
    worker: &WorkerId,
    lease_ms: i64,
) -> Result<Option<Claimed>, Fault> {
    let Some(mut job) = job_row(connection, task.job)? else {
        return Ok(None);
    };
    let Some(candidate) = candidate(connection, now, job.seq, task.task)? else {
        return Ok(None);
    };
    let from = task_state(&candidate.state)?;
    let Some(to) = TaskTransition::Claim
        .apply(from, job.state)
        .filter(|_| candidate.ready)
    else {
        return Ok(None);
    };
    let lease = Lease {
        task,
        token: candidate.token + 1,
        nonce: rand::random(),
    };
    let attempt = candidate.attempts + 1;
    let claimed = connection
        .prepare_cached(
            "UPDATE tasks SET state = :to, lease_token = :token, lease_nonce = :nonce,
                lease_until_boot_ms = :until, attempts = :attempt
             WHERE job = :job AND task = :task AND state = :from AND lease_token = :token - 1",
        )?
        .execute(named_params! {
            ":to": to.as_str(), ":token": lease.token, ":nonce": lease.nonce,
            ":until": now.boot_ms + lease_ms, ":attempt": attempt,
            ":job": job.seq, ":task": task.task, ":from": from.as_str(),
        })?;
    if claimed != 1 || !start_job(connection, now, &mut job)? {
        return Err(Fault::Corrupt(format!(
            "task {task} changed inside a transaction"
        )));
    }
    note_attempt(connection, now, job.seq, task.task, attempt, worker)?;
    let parked = candidate
        .parked
        .as_deref()
        .map(serde_json::from_str)
        .transpose()?;
    let (request, root, created_ms, trace) = connection
        .prepare_cached("SELECT request, root, created_ms, trace FROM jobs WHERE seq = ?1")?
        .query_row([job.seq], |row| {
            Ok((
                row.get::<_, String>(0)?,
                row.get::<_, [u8; 16]>(1)?,
                row.get(2)?,
                row.get::<_, String>(3)?,
            ))
        })?;
    Ok(Some(Claimed {
        lease,
        attempt,
        request: serde_json::from_str(&request)?,
        root: JobId(uuid::Uuid::from_bytes(root)),
        created_at: Timestamp::from_millis(created_ms),
        events: candidate.events.unsigned_abs(),
        first_chunk: first_chunk(connection, job.seq, task.task)?,
        parked,
        trace: trace
            .parse()
            .map_err(|_| Fault::Corrupt(format!("the trace of job {}", job.seq)))?,
    }))
}

fn candidate(connection: &Connection, now: Now, job: i64, task: u32) -> Result<Option<Candidate>, Fault> {
    let candidate = connection
        .prepare_cached(
            "SELECT state, events, parked_on IS NULL AND due_boot_ms <= ?3, attempts, lease_token, parked
             FROM tasks WHERE job = ?1 AND task = ?2",
        )?
        .query_row((job, task, now.boot_ms), |row| {
            Ok(Candidate {
                state: row.get(0)?,
                events: row.get(1)?,
                ready: row.get(2)?,
                attempts: row.get(3)?,
                token: row.get(4)?,
                parked: row.get(5)?,
            })
        })
        .optional()?;
    Ok(candidate)
}

fn note_attempt(
    connection: &Connection,
    now: Now,
    job: i64,
    task: u32,
    n: u32,
    worker: &WorkerId,
) -> Result<(), Fault> {
    let claim_no: i64 = connection
        .prepare_cached(
            "INSERT INTO attempts (job, claim_no, task, n, worker, started_ms)
             VALUES (?1, (SELECT coalesce(max(claim_no), 0) + 1 FROM attempts WHERE job = ?1), ?2, ?3, ?4, ?5)
             RETURNING claim_no",
        )?
        .query_row((job, task, n, &worker.0, now.wall.as_millis()), |row| row.get(0))?;
    // One that still runs is kept until it ends, however many came after it.
    connection
        .prepare_cached("DELETE FROM attempts WHERE job = ?1 AND claim_no <= ?2 AND ended_ms IS NOT NULL")?
        .execute((job, claim_no - ATTEMPTS_KEPT))?;
    Ok(())
}

fn first_chunk(connection: &Connection, job: i64, task: u32) -> Result<Option<InputChunk>, Fault> {
    let first = connection
        .prepare_cached(
            "SELECT first_ordinal, events, body FROM chunks
             WHERE input = (SELECT input FROM jobs WHERE seq = ?1) AND task = ?2
               AND length(body) <= ?3
             ORDER BY first_ordinal LIMIT 1",
        )?
        .query_row((job, task, FIRST_CHUNK_BYTES), |row| chunk(task, row))
        .optional()?;
    let Some(first) = first else { return Ok(None) };
    // A small chunk behind a large one is not the first.
    let lowest: i64 = connection
        .prepare_cached(
            "SELECT min(first_ordinal) FROM chunks
             WHERE input = (SELECT input FROM jobs WHERE seq = ?1) AND task = ?2",
        )?
        .query_row((job, task), |row| row.get(0))?;
    Ok(Some(first).filter(|first| first.first_ordinal == lowest.unsigned_abs()))
}

fn chunk(task: u32, row: &rusqlite::Row<'_>) -> rusqlite::Result<InputChunk> {
    let body: Vec<u8> = row.get(2)?;
    Ok(InputChunk {
        task,
        first_ordinal: row.get::<_, i64>(0)?.unsigned_abs(),
        events: row.get(1)?,
        body: body.into(),
    })
}

fn extend(
    connection: &Connection,
    now: Now,
    beat: &Heartbeat,
    lease_ms: i64,
) -> Result<HeartbeatOutcome, Fault> {
    let Some(job) = job_row(connection, beat.lease.task.job)? else {
        return Ok(HeartbeatOutcome::Lost);
    };
    let before: Option<i64> = connection
        .prepare_cached(
            "SELECT published FROM tasks WHERE job = ?1 AND task = ?2 AND state = 'leased'
               AND lease_token = ?3 AND lease_nonce = ?4",
        )?
        .query_row(
            (job.seq, beat.lease.task.task, beat.lease.token, beat.lease.nonce),
            |row| row.get(0),
        )
        .optional()?;
    let Some(before) = before else {
        return Ok(HeartbeatOutcome::Lost);
    };
    let published = before.max(beat.published.cast_signed());
    connection
        .prepare_cached(
            "UPDATE tasks SET lease_until_boot_ms = ?3, published = ?4 WHERE job = ?1 AND task = ?2",
        )?
        .execute((job.seq, beat.lease.task.task, now.boot_ms + lease_ms, published))?;
    if published > before {
        show_progress(connection, now, job.seq, published - before)?;
    }
    Ok(match job.state {
        JobState::Cancelling => HeartbeatOutcome::Cancelling,
        JobState::Queued
        | JobState::Running
        | JobState::Succeeded
        | JobState::PartiallySucceeded
        | JobState::Failed
        | JobState::Cancelled => HeartbeatOutcome::Held,
    })
}

fn show_progress(connection: &Connection, now: Now, job: i64, more: i64) -> Result<(), Fault> {
    let due = connection
        .prepare_cached(
            "UPDATE jobs SET published = published + ?2 WHERE seq = ?1 RETURNING progress_boot_ms <= ?3",
        )?
        .query_row((job, more, now.boot_ms - PROGRESS_EVERY_MS), |row| {
            row.get::<_, bool>(0)
        })?;
    if due {
        connection
            .prepare_cached("UPDATE jobs SET progress_boot_ms = ?2 WHERE seq = ?1")?
            .execute((job, now.boot_ms))?;
        changed(connection, job)?;
    }
    Ok(())
}
