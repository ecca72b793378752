//! What callers do to jobs. A cancel ends what nobody holds at once, and the rest when its holders let go (P14).

use async_trait::async_trait;
use rusqlite::params;

use super::accept::PATIENCE;
use super::fault::Fault;
use super::transition::{self, Ended};
use super::tx::Tx;
use super::{JobStore, read, removal, retry, rows};
use crate::adapters::sqlite::Write;
use crate::job::{JobId, JobState, JobTransition, TaskState, TaskTransition};
use crate::mutant::{self, Mutant};
use crate::ports::{CancelOutcome, DeleteOutcome, JobControl, JobLookup, NewRetry, RetryOutcome, StoreError};

#[async_trait]
impl JobControl for JobStore {
    async fn cancel(&self, id: JobId) -> Result<CancelOutcome, StoreError> {
        self.write(Write::flushed("cancel"), move |tx| cancel(tx, id))
            .await
    }

    async fn retry(&self, retry: NewRetry) -> Result<RetryOutcome, StoreError> {
        let how = Write::flushed("retry").patience(PATIENCE);
        // Only what makes a job needs room.
        let full = match self.admit(0).await {
            Ok(_) => None,
            Err(StoreError::Busy { reason }) => Some(reason),
            Err(error) => return Err(error),
        };
        self.write(how, move |tx| retry::retry(tx, &retry, full.as_deref()))
            .await
    }

    async fn delete(&self, id: JobId) -> Result<DeleteOutcome, StoreError> {
        self.write(Write::flushed("delete"), move |tx| removal::delete(tx, id))
            .await
    }
}

/// Rows of a report that a cancel's answer carries: as many as a job holds.
const ROWS_MAX: usize = 1_000;

fn cancel(tx: &Tx<'_>, id: JobId) -> Result<CancelOutcome, Fault> {
    if let Some(job) = rows::job_by_id(tx, id)?
        && !job.state.is_terminal()
        && job.state != JobState::Cancelling
    {
        begin(tx, job)?;
    }
    Ok(match read::lookup(tx.connection, id, ROWS_MAX)? {
        JobLookup::Found(job) => match job.state {
            JobState::Cancelled => CancelOutcome::Cancelled(job),
            JobState::Queued | JobState::Running | JobState::Cancelling => CancelOutcome::Cancelling(job),
            JobState::Succeeded | JobState::PartiallySucceeded | JobState::Failed => {
                CancelOutcome::AlreadyEnded(job)
            }
        },
        JobLookup::Gone => CancelOutcome::Gone,
        JobLookup::Unknown => CancelOutcome::Unknown,
    })
}

fn begin(tx: &Tx<'_>, mut job: rows::JobRow) -> Result<(), Fault> {
    let leased: bool = tx
        .statement("SELECT EXISTS (SELECT 1 FROM tasks WHERE job = ?1 AND state = 'leased')")?
        .query_row([job.seq], |row| row.get(0))?;
    // Who waits for the job is woken here; the answer of a cancel has no place to say so, and the
    // dispatchers look on their own within a second.
    let mut woke = Vec::new();
    if !transition::move_job(tx, &mut job, JobTransition::Cancel { leased }, &mut woke)? {
        return Ok(());
    }
    if let Some(to) = TaskTransition::Cancel.apply(TaskState::Queued, job.state)
        && !(leased && mutant::on(Mutant::CancelForgetsSecondTask))
    {
        let cancelled = tx.run(
            "UPDATE tasks SET state = ?2, standing = '' WHERE job = ?1 AND state = 'queued'",
            params![job.seq, to.as_str()],
        )?;
        let ended = Ended {
            cancelled: u32::try_from(cancelled).unwrap_or(u32::MAX),
            ..Ended::default()
        };
        transition::tasks_ended(tx, &mut job, ended, None, &mut woke)?;
    }
    transition::touch(tx, &job)
}
