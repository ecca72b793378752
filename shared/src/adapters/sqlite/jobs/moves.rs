//! The transitions of tasks and jobs as writes. Which state follows is the state machine's to say; here every
//! write is conditional on the state that was read.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension, named_params};

use super::{Fault, Now};
use crate::job::{JobError, JobId, JobState, JobTransition, QueueName, TaskState, TaskTally, TaskTransition};

/// The part of a job on which transitions depend.
pub(super) struct JobRow {
    pub(super) seq: i64,
    pub(super) state: JobState,
    rejected: i64,
}

/// Reads a job by id, for a write.
pub(super) fn job_row(connection: &Connection, id: JobId) -> Result<Option<JobRow>, Fault> {
    let row = connection
        .prepare_cached("SELECT seq, state, rejected FROM jobs WHERE id = ?1")?
        .query_row([id.as_bytes()], |row| {
            Ok((row.get(0)?, row.get::<_, String>(1)?, row.get(2)?))
        })
        .optional()?;
    row.map(|(seq, state, rejected)| {
        Ok(JobRow {
            seq,
            state: job_state(&state)?,
            rejected,
        })
    })
    .transpose()
}

/// Makes the job's revision and place in the order of changes rise.
pub(super) fn changed(connection: &Connection, job: i64) -> Result<(), Fault> {
    connection
        .prepare_cached(
            "UPDATE jobs SET revision = revision + 1,
                change_no = (SELECT max(change_no) + 1 FROM jobs) WHERE seq = ?1",
        )?
        .execute([job])?;
    Ok(())
}

/// The job's first task is claimed.
pub(super) fn start_job(connection: &Connection, now: Now, job: &mut JobRow) -> Result<bool, Fault> {
    let Some(to) = JobTransition::Start.apply(job.state) else {
        return Ok(false);
    };
    if to != job.state {
        connection
            .prepare_cached("UPDATE jobs SET state = ?2, started_ms = ?3 WHERE seq = ?1 AND state = ?4")?
            .execute((job.seq, to.as_str(), now.wall.as_millis(), job.state.as_str()))?;
        job.state = to;
    }
    changed(connection, job.seq)?;
    Ok(true)
}

/// How a task ended, for its job.
pub(super) struct TaskEnd<'a> {
    pub(super) to: TaskState,
    pub(super) error: Option<&'a JobError>,
    pub(super) published_more: i64,
}

/// One open task of the job has ended; the last one ends the job (P7: the job's row first, and by its own count).
pub(super) fn end_open_task(
    connection: &Connection,
    now: Now,
    job: &mut JobRow,
    end: &TaskEnd<'_>,
    woke: &mut BTreeSet<QueueName>,
) -> Result<(), Fault> {
    let (open, succeeded, failed): (i64, u32, u32) = connection
        .prepare_cached(
            "UPDATE jobs SET open_tasks = open_tasks - 1,
                succeeded_tasks = succeeded_tasks + :succeeded, failed_tasks = failed_tasks + :failed,
                published = published + :published,
                error_code = coalesce(error_code, :code), error_detail = coalesce(error_detail, :detail)
             WHERE seq = :job RETURNING open_tasks, succeeded_tasks, failed_tasks",
        )?
        .query_row(
            named_params! {
                ":job": job.seq,
                ":succeeded": i64::from(end.to == TaskState::Succeeded),
                ":failed": i64::from(end.to == TaskState::Failed),
                ":published": end.published_more,
                ":code": end.error.map(|error| error.code),
                ":detail": end.error.map(|error| error.detail.as_str()),
            },
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )?;
    if open > 0 {
        return changed(connection, job.seq);
    }
    let tally = TaskTally {
        succeeded,
        failed,
        rejects: job.rejected > 0,
    };
    let Some(to) = JobTransition::End(tally).apply(job.state) else {
        return Err(Fault::Corrupt(format!(
            "the last task of job {} ended after the job",
            job.seq
        )));
    };
    end_job(connection, now, job, to, woke)
}

/// Writes a terminal state of a job and wakes the reports that wait for it.
pub(super) fn end_job(
    connection: &Connection,
    now: Now,
    job: &mut JobRow,
    to: JobState,
    woke: &mut BTreeSet<QueueName>,
) -> Result<(), Fault> {
    let ended_ms = now.wall.as_millis();
    let moved = connection
        .prepare_cached(
            "UPDATE jobs SET state = ?2, ended_ms = ?3, expires_ms = ?4 WHERE seq = ?1 AND state = ?5",
        )?
        .execute((
            job.seq,
            to.as_str(),
            ended_ms,
            ended_ms.saturating_add(now.retention_ms),
            job.state.as_str(),
        ))?;
    if moved != 1 {
        return Err(Fault::Corrupt(format!(
            "job {} left its state inside a transaction",
            job.seq
        )));
    }
    job.state = to;
    changed(connection, job.seq)?;
    wake_waiters(connection, now, job.seq, woke)
}

/// Reports whose last awaited job this was come due, if they are parked for it already.
fn wake_waiters(
    connection: &Connection,
    now: Now,
    ended: i64,
    woke: &mut BTreeSet<QueueName>,
) -> Result<(), Fault> {
    let waiters: Vec<i64> = connection
        .prepare_cached("DELETE FROM waits WHERE awaited = ?1 RETURNING waiter")?
        .query_map([ended], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for waiter in waiters {
        let still_awaited: i64 = connection
            .prepare_cached(
                "UPDATE jobs SET awaited_jobs = awaited_jobs - 1 WHERE seq = ?1 RETURNING awaited_jobs",
            )?
            .query_row([waiter], |row| row.get(0))?;
        if still_awaited == 0 {
            let unparked = connection
                .prepare_cached(
                    "UPDATE tasks SET parked_on = NULL, due_boot_ms = ?2, dispatch_no = dispatch_no + 1,
                        sent_boot_ms = NULL, sends = 0
                     WHERE job = ?1 AND state = 'queued' AND parked_on = 'jobs_ended'
                     RETURNING queue",
                )?
                .query_map((waiter, now.boot_ms), |row| row.get::<_, String>(0))?
                .collect::<Result<Vec<_>, _>>()?;
            for queue in unparked {
                woke.insert(queue_name(&queue)?);
            }
        }
    }
    Ok(())
}

/// Fails a task that nobody holds: a report past its deadline, or one whose condition cannot come true.
pub(super) fn expire_task(
    connection: &Connection,
    now: Now,
    job: &mut JobRow,
    task: u32,
    error: &JobError,
    woke: &mut BTreeSet<QueueName>,
) -> Result<bool, Fault> {
    let Some(to) = TaskTransition::Expire.apply(TaskState::Queued, job.state) else {
        return Ok(false);
    };
    let moved = connection
        .prepare_cached(
            "UPDATE tasks SET state = ?3, parked_on = NULL WHERE job = ?1 AND task = ?2 AND state = 'queued'",
        )?
        .execute((job.seq, task, to.as_str()))?;
    if moved == 0 {
        return Ok(false);
    }
    let end = TaskEnd {
        to,
        error: Some(error),
        published_more: 0,
    };
    end_open_task(connection, now, job, &end, woke)?;
    Ok(true)
}

pub(super) fn job_state(name: &str) -> Result<JobState, Fault> {
    JobState::from_name(name).ok_or_else(|| Fault::Corrupt(format!("the job state `{name}`")))
}

pub(super) fn task_state(name: &str) -> Result<TaskState, Fault> {
    TaskState::ALL
        .into_iter()
        .find(|state| state.as_str() == name)
        .ok_or_else(|| Fault::Corrupt(format!("the task state `{name}`")))
}

pub(super) fn queue_name(name: &str) -> Result<QueueName, Fault> {
    QueueName::ALL
        .into_iter()
        .find(|queue| queue.as_str() == name)
        .ok_or_else(|| Fault::Corrupt(format!("the queue `{name}`")))
}
