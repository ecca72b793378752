//! How a job moves: every visible change, and the end that its last task brings (P7).

use rusqlite::params;

use super::fault::Fault;
use super::rows::{self, JobRow};
use super::tx::Tx;
use crate::job::{JobError, JobKind, JobTransition, QueueName, TaskState, TaskTally};
use crate::ports::JobChange;
use crate::time::Timestamp;

/// The states in which tasks of one job ended.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ended {
    pub(super) succeeded: u32,
    pub(super) failed: u32,
    pub(super) cancelled: u32,
}

impl Ended {
    /// One task that ended in this state.
    pub(super) fn one(state: TaskState) -> Self {
        Self {
            succeeded: u32::from(state == TaskState::Succeeded),
            failed: u32::from(state == TaskState::Failed),
            cancelled: u32::from(state == TaskState::Cancelled),
        }
    }
}

/// Writes what the job has become under its next revision, and tells of it. A later attempt delivers the
/// same events again, so the count of what is published never falls.
pub(super) fn touch(tx: &Tx<'_>, job: &JobRow) -> Result<(), Fault> {
    let ended = job.state.is_terminal().then_some(tx.wall);
    let written = tx.run(
        "UPDATE jobs SET state = ?3, started_ms = ?4, open_tasks = ?5, succeeded_tasks = ?6, failed_tasks = ?7,
                error_detail = iif(error_code IS NULL, ?9, error_detail), error_code = ifnull(error_code, ?8),
                published = iif(?12, max(published, (SELECT ifnull(sum(published), 0) FROM tasks WHERE job = ?1)),
                                published),
                ended_ms = ifnull(ended_ms, ?10), expires_ms = ifnull(expires_ms, ?11),
                revision = revision + 1
         WHERE seq = ?1 AND revision = ?2",
        params![
            job.seq,
            job.revision,
            job.state.as_str(),
            job.started_ms,
            job.open_tasks,
            job.succeeded,
            job.failed,
            job.error.as_ref().map(|error| error.code),
            job.error.as_ref().map(|error| error.detail.as_str()),
            ended.map(Timestamp::as_millis),
            ended.map(|ended| ended.plus_millis(tx.retention_ms).as_millis()),
            job.publishes,
        ],
    )?;
    if written == 0 {
        return Err(Fault::corrupt("jobs.revision", job.seq));
    }
    tx.tell(JobChange {
        job: job.id,
        revision: rows::count(job.revision + 1),
        ended: job.state.is_terminal(),
    })
}

/// Moves the job where the transition leads; `false` when it is not allowed. The caller touches it.
pub(super) fn move_job(
    tx: &Tx<'_>,
    job: &mut JobRow,
    transition: JobTransition,
    woke: &mut Vec<QueueName>,
) -> Result<bool, Fault> {
    let Some(to) = transition.apply(job.state) else {
        return Ok(false);
    };
    if to == job.state {
        return Ok(true);
    }
    tx.sums().leave(job.kind, job.state);
    job.state = to;
    if to.is_terminal() {
        end(tx, job, woke)?;
    } else {
        tx.sums().enter(job.kind, to);
    }
    Ok(true)
}

/// P7: takes ended tasks off the job's open ones; with the last of them the job ends. The caller touches it.
pub(super) fn tasks_ended(
    tx: &Tx<'_>,
    job: &mut JobRow,
    ended: Ended,
    error: Option<&JobError>,
    woke: &mut Vec<QueueName>,
) -> Result<(), Fault> {
    let gone = ended.succeeded + ended.failed + ended.cancelled;
    job.open_tasks = job.open_tasks.saturating_sub(gone);
    job.succeeded += ended.succeeded;
    job.failed += ended.failed;
    if job.error.is_none() {
        job.error = error.cloned();
    }
    if job.open_tasks == 0 && !job.state.is_terminal() {
        let tally = TaskTally {
            succeeded: job.succeeded,
            failed: job.failed,
            rejects: job.rejects,
        };
        move_job(tx, job, JobTransition::End(tally), woke)?;
    }
    Ok(())
}

/// Whoever waits for the job waits no longer, and it waits for nobody.
fn end(tx: &Tx<'_>, job: &JobRow, woke: &mut Vec<QueueName>) -> Result<(), Fault> {
    if job.kind == JobKind::Report {
        tx.run("DELETE FROM waits WHERE waiter = ?1", [job.seq])?;
    }
    // Hardly any job is waited for: the batch looks once whether one is.
    if !tx.sums().anybody_waits(tx.connection)? {
        return Ok(());
    }
    let waiters: Vec<i64> = tx
        .statement("SELECT waiter FROM waits WHERE awaited = ?1")?
        .query_map([job.seq], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    if !waiters.is_empty() {
        tx.run("DELETE FROM waits WHERE awaited = ?1", [job.seq])?;
    }
    for waiter in waiters {
        if !waits(tx, waiter)? {
            wake_parked(tx, waiter, woke)?;
        }
    }
    Ok(())
}

/// Whether the job still waits for the end of another.
pub(super) fn waits(tx: &Tx<'_>, waiter: i64) -> Result<bool, Fault> {
    Ok(tx
        .statement("SELECT EXISTS (SELECT 1 FROM waits WHERE waiter = ?1)")?
        .query_row([waiter], |row| row.get(0))?)
}

fn wake_parked(tx: &Tx<'_>, waiter: i64, woke: &mut Vec<QueueName>) -> Result<(), Fault> {
    let queues: Vec<String> = tx
        .statement(
            "UPDATE tasks SET standing = 'unsent', at_boot_ms = ?2, dispatch_no = dispatch_no + 1, resends = 0
             WHERE job = ?1 AND state = 'queued' AND standing = 'jobs' RETURNING queue",
        )?
        .query_map(params![waiter, tx.boot_ms], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for queue in queues {
        wake_queue(woke, rows::queue(&queue)?);
    }
    Ok(())
}

/// Notes once that the queue has something to dispatch.
pub(super) fn wake_queue(woke: &mut Vec<QueueName>, queue: QueueName) {
    if !woke.contains(&queue) {
        woke.push(queue);
    }
}
