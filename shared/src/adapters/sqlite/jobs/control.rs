//! Cancel, with one winner, from every state (P14).

use async_trait::async_trait;
use rusqlite::Connection;

use super::finish::Woke;
use super::moves::{changed, end_job, job_row};
use super::{Fault, JobStore, Now, Write, read};
use crate::job::{JobId, JobState, JobTransition, TaskState, TaskTransition};
use crate::ports::{CancelOutcome, JobControl, StoreError};

#[async_trait]
impl JobControl for JobStore {
    async fn cancel(&self, id: JobId) -> Result<CancelOutcome, StoreError> {
        self.write(Write::flushed("cancel"), move |connection, now| {
            cancel(connection, now, id)
        })
        .await
    }
}

fn cancel(connection: &Connection, now: Now, id: JobId) -> Result<CancelOutcome, Fault> {
    let Some(mut job) = job_row(connection, id)? else {
        return Ok(if read::purged(connection, id)? {
            CancelOutcome::Gone
        } else {
            CancelOutcome::Unknown
        });
    };
    let leased: bool = connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM tasks WHERE job = ?1 AND state = 'leased')")?
        .query_row([job.seq], |row| row.get(0))?;
    let transition = JobTransition::Cancel { leased };
    if let Some(to) = transition.apply(job.state).filter(|to| *to != job.state) {
        cancel_free_tasks(connection, job.seq, to)?;
        if to.is_terminal() {
            // The reports that this wakes are found by the dispatcher of the process that serves them.
            end_job(connection, now, &mut job, to, &mut Woke::new())?;
        } else {
            connection
                .prepare_cached("UPDATE jobs SET state = ?2 WHERE seq = ?1 AND state = ?3")?
                .execute((job.seq, to.as_str(), job.state.as_str()))?;
            job.state = to;
            changed(connection, job.seq)?;
        }
    }
    let view = Box::new(read::view(connection, job.seq, 0)?);
    Ok(match job.state {
        JobState::Cancelled => CancelOutcome::Cancelled(view),
        JobState::Cancelling => CancelOutcome::Cancelling(view),
        JobState::Succeeded | JobState::PartiallySucceeded | JobState::Failed => {
            CancelOutcome::AlreadyEnded(view)
        }
        JobState::Queued | JobState::Running => {
            return Err(Fault::Corrupt(format!(
                "job {} cannot be cancelled from {}",
                job.seq, job.state
            )));
        }
    })
}

/// The same transaction ends every task that is not leased.
fn cancel_free_tasks(connection: &Connection, job: i64, job_to: JobState) -> Result<(), Fault> {
    let Some(to) = TaskTransition::Cancel.apply(TaskState::Queued, job_to) else {
        return Err(Fault::Corrupt(format!(
            "a free task of job {job} cannot be cancelled"
        )));
    };
    let ended = connection
        .prepare_cached("UPDATE tasks SET state = ?2, parked_on = NULL WHERE job = ?1 AND state = 'queued'")?
        .execute((job, to.as_str()))?;
    connection
        .prepare_cached("UPDATE jobs SET open_tasks = open_tasks - ?2 WHERE seq = ?1")?
        .execute((job, ended as i64))?;
    Ok(())
}
