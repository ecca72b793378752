//! A retry: an ended job's request becomes a job again, over the input of its root (P11, P23).

use rusqlite::params;

use super::fault::Fault;
use super::rows::{self, JobRow};
use super::tx::Tx;
use super::{accept, keys, read};
use crate::job::{JobId, JobRequest, JobState, ReportRequest};
use crate::ports::{JobChange, JobLookup, NewJob, NewRetry, RetryOutcome};

/// Makes the new job, unless the disk is `full` (P4).
pub(super) fn retry(tx: &Tx<'_>, retry: &NewRetry, full: Option<&str>) -> Result<RetryOutcome, Fault> {
    if let Some(kept) = keys::taken(tx, retry.key.as_ref(), retry.id)? {
        return Ok(RetryOutcome::KeyKept(kept));
    }
    // The same retry again, after an outcome that was unknown (P3).
    if rows::job_by_id(tx, retry.id)?.is_none() {
        let ended = match rows::job_by_id(tx, retry.of)? {
            Some(job) if job.state.is_terminal() => job,
            _ => return refuse(tx, retry.of),
        };
        if let Some(reason) = full {
            return Err(Fault::Busy(reason.to_owned()));
        }
        accept::admit(tx)?;
        make(tx, &ended, retry)?;
        keys::keep(tx, retry.key.as_ref(), retry.id)?;
    }
    let made = read::view(tx.connection, retry.id, 0)?.ok_or_else(|| Fault::corrupt("jobs.id", retry.id))?;
    Ok(RetryOutcome::Made(Box::new(made)))
}

fn refuse(tx: &Tx<'_>, id: JobId) -> Result<RetryOutcome, Fault> {
    // A job that has not ended has no rows.
    Ok(match read::lookup(tx.connection, id, 0)? {
        JobLookup::Found(job) => RetryOutcome::NotEnded(job),
        JobLookup::Gone => RetryOutcome::Gone,
        JobLookup::Unknown => RetryOutcome::Unknown,
    })
}

fn make(tx: &Tx<'_>, ended: &JobRow, retry: &NewRetry) -> Result<(), Fault> {
    let request: String = tx
        .statement("SELECT request FROM jobs WHERE seq = ?1")?
        .query_row([ended.seq], |row| row.get(0))?;
    let request: JobRequest = rows::json("jobs.request", &request)?;
    // A report's mail follows the report anew.
    let last_task = match &request {
        JobRequest::Report(_) => ReportRequest::COUNT_TASK,
        JobRequest::Submit(_) | JobRequest::Cancel(_) | JobRequest::Retry(_) => u32::MAX,
    };
    let state = JobState::Queued;
    tx.run(
        "INSERT INTO jobs (id, kind, state, revision, change_seq, open_tasks, received, rejected, created_ms,
                           root, retry_of, input, trace, request, labels)
         SELECT ?2, kind, ?3, ?7, 0, (SELECT count(*) FROM tasks WHERE job = ?1 AND no <= ?6), received, rejected, ?4,
                root, id, input, ?5, request, labels
         FROM jobs WHERE seq = ?1",
        params![
            ended.seq,
            retry.id.as_bytes(),
            state.as_str(),
            retry.created_at.as_millis(),
            retry.trace.to_string(),
            last_task,
            rows::int(NewJob::FIRST_REVISION),
        ],
    )?;
    let seq = tx.connection.last_insert_rowid();
    tx.tell(JobChange::made(retry.id))?;
    let deadline = accept::Deadline::of(tx, &request, retry.created_at);
    tx.run(
        "INSERT INTO tasks (job, no, queue, state, standing, at_boot_ms, events, deadline_ms, deadline_boot_ms)
         SELECT ?2, no, queue, 'queued', 'unsent', ?3, events, ?4, ?5 FROM tasks WHERE job = ?1 AND no <= ?6",
        params![ended.seq, seq, tx.boot_ms, deadline.wall_ms, deadline.boot_ms, last_task],
    )?;
    tx.run(
        "INSERT INTO job_labels (key, value, job) SELECT key, value, ?2 FROM job_labels WHERE job = ?1",
        params![ended.seq, seq],
    )?;
    accept::insert_waits(tx, &request, seq)?;
    tx.sums().enter(ended.kind, state);
    Ok(())
}
