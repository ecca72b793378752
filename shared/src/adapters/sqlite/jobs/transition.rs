//! How a job moves: every visible change, and the end that its last task brings (P7).

use rusqlite::params;

use super::fault::Fault;
use super::rows::{self, JobRow};
use super::tx::Tx;
use crate::job::{JobError, JobState, JobTransition, QueueName, TaskState, TaskTally};

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

/// Gives the job's change its number and its revision.
pub(super) fn touch(tx: &Tx<'_>, job: &JobRow) -> Result<(), Fault> {
    let change = tx.next_change()?;
    tx.run(
        "UPDATE jobs SET revision = revision + 1, change_seq = ?2 WHERE seq = ?1",
        params![job.seq, change],
    )?;
    Ok(())
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
    let moved = tx.run(
        "UPDATE jobs SET state = ?3 WHERE seq = ?1 AND state = ?2",
        params![job.seq, job.state.as_str(), to.as_str()],
    )?;
    if moved == 0 {
        return Err(Fault::corrupt("jobs.state", job.seq));
    }
    recount(tx, job, to)?;
    job.state = to;
    if to.is_terminal() {
        end(tx, job, woke)?;
    }
    Ok(true)
}

/// P7: takes ended tasks off the job's open ones, job row first; with the last of them the job ends.
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
    tx.run(
        "UPDATE jobs SET open_tasks = ?2, succeeded_tasks = ?3, failed_tasks = ?4,
                error_detail = iif(error_code IS NULL, ?6, error_detail), error_code = ifnull(error_code, ?5)
         WHERE seq = ?1",
        params![
            job.seq,
            job.open_tasks,
            job.succeeded,
            job.failed,
            error.map(|error| error.code),
            error.map(|error| error.detail.as_str()),
        ],
    )?;
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

/// Brings the job's published count up to that of its tasks; never down.
pub(super) fn count_published(tx: &Tx<'_>, job: &JobRow) -> Result<(), Fault> {
    tx.run(
        "UPDATE jobs SET published = max(published, (SELECT sum(published) FROM tasks WHERE job = ?1))
         WHERE seq = ?1",
        [job.seq],
    )?;
    Ok(())
}

/// Adds a new job to the count of those that have not ended.
pub(super) fn count_new(tx: &Tx<'_>, job: &JobRow) -> Result<(), Fault> {
    tx.run(
        "INSERT INTO counts (kind, state, n) VALUES (?1, ?2, 1) ON CONFLICT DO UPDATE SET n = n + 1",
        params![job.kind.as_str(), job.state.as_str()],
    )?;
    Ok(())
}

fn recount(tx: &Tx<'_>, job: &JobRow, to: JobState) -> Result<(), Fault> {
    tx.run(
        "UPDATE counts SET n = n - 1 WHERE kind = ?1 AND state = ?2",
        params![job.kind.as_str(), job.state.as_str()],
    )?;
    if !to.is_terminal() {
        let moved = JobRow {
            state: to,
            ..job.clone()
        };
        count_new(tx, &moved)?;
    }
    Ok(())
}

fn end(tx: &Tx<'_>, job: &JobRow, woke: &mut Vec<QueueName>) -> Result<(), Fault> {
    tx.run(
        "UPDATE jobs SET ended_ms = ?2, expires_ms = ?3 WHERE seq = ?1",
        params![
            job.seq,
            tx.wall.as_millis(),
            tx.wall.plus_millis(tx.retention_ms).as_millis(),
        ],
    )?;
    tx.run("DELETE FROM waits WHERE waiter = ?1", [job.seq])?;
    let waiters: Vec<i64> = tx
        .statement("DELETE FROM waits WHERE awaited = ?1 RETURNING waiter")?
        .query_map([job.seq], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
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
