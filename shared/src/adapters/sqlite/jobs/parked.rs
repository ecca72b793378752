//! Reports that wait and hold no worker: found, woken, failed (P22).

use rusqlite::{Connection, params};
use uuid::Uuid;

use super::fault::Fault;
use super::rows::{self, JobRow, TaskRow};
use super::transition::{self, Ended};
use super::tx::Tx;
use crate::job::{JobError, JobId, ReportRequest, TaskRef, TaskTransition};
use crate::ports::{Parked, PartitionEnd, Rescued};

/// Reports that one transaction fails: others wait for their turn behind it. The next round fails the next.
const EXPIRE_MAX: i64 = 1_000;

/// Tasks that are parked until the projection has reached their bound.
pub(super) fn parked(connection: &Connection) -> Result<Vec<(TaskRef, Vec<PartitionEnd>)>, Fault> {
    // Each queue by name: the index begins with it.
    let mut statement = connection.prepare_cached(
        "SELECT jobs.id, tasks.no, tasks.parked FROM tasks JOIN jobs ON jobs.seq = tasks.job
         WHERE tasks.state = 'queued' AND tasks.queue = ?1 AND tasks.standing = 'bound'
         ORDER BY tasks.at_boot_ms, tasks.job",
    )?;
    let mut parked = Vec::new();
    for queue in crate::job::QueueName::ALL {
        let mut found = statement.query([queue.as_str()])?;
        while let Some(row) = found.next()? {
            let task = TaskRef {
                job: JobId(Uuid::from_bytes(row.get(0)?)),
                task: row.get(1)?,
            };
            let left = row.get::<_, String>(2)?;
            let bound = rows::json("tasks.parked", &left).and_then(|left: Parked| {
                left.bound
                    .ok_or_else(|| Fault::corrupt("tasks.parked without a bound", task))
            });
            if let Some(bound) = rows::readable("parked", bound)? {
                parked.push((task, bound));
            }
        }
    }
    Ok(parked)
}

/// Makes parked tasks due.
pub(super) fn wake(tx: &Tx<'_>, tasks: &[TaskRef]) -> Result<Rescued, Fault> {
    let mut rescued = Rescued::default();
    for named in tasks {
        let Some((job, task)) = rows::job_and_task(tx, *named)? else {
            continue;
        };
        let woken = tx.run(
            "UPDATE tasks SET standing = 'unsent', at_boot_ms = ?3, dispatch_no = dispatch_no + 1, resends = 0
             WHERE job = ?1 AND no = ?2 AND state = 'queued' AND standing IN ('jobs', 'bound')",
            params![job.seq, task.no, tx.boot_ms],
        )?;
        if woken > 0 {
            transition::wake_queue(&mut rescued.woke, task.queue);
            rescued.tasks += 1;
        }
    }
    Ok(rescued)
}

/// Fails those of the tasks that are parked.
pub(super) fn fail_parked(tx: &Tx<'_>, tasks: &[TaskRef], error: &JobError) -> Result<Rescued, Fault> {
    let mut rescued = Rescued::default();
    for named in tasks {
        let Some((job, task)) = rows::job_and_task(tx, *named)? else {
            continue;
        };
        let is_parked: bool = tx
            .statement(
                "SELECT EXISTS (SELECT 1 FROM tasks
                 WHERE job = ?1 AND no = ?2 AND state = 'queued' AND standing IN ('jobs', 'bound'))",
            )?
            .query_row(params![job.seq, task.no], |row| row.get(0))?;
        if is_parked {
            fail(tx, job, &task, error, &mut rescued)?;
        }
    }
    Ok(rescued)
}

/// Whether a queued report has passed its deadline.
pub(super) fn any_expired(connection: &Connection, boot_ms: i64) -> Result<bool, Fault> {
    Ok(connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM tasks
             WHERE state = 'queued' AND deadline_boot_ms IS NOT NULL AND deadline_boot_ms <= ?1)",
        )?
        .query_row([boot_ms], |row| row.get(0))?)
}

/// Fails every queued report past its deadline, parked or not.
pub(super) fn expire(tx: &Tx<'_>) -> Result<Rescued, Fault> {
    let expired: Vec<(i64, u32)> = tx
        .statement(
            "SELECT job, no FROM tasks
             WHERE state = 'queued' AND deadline_boot_ms IS NOT NULL AND deadline_boot_ms <= ?1 LIMIT ?2",
        )?
        .query_map([tx.boot_ms, EXPIRE_MAX], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    let mut rescued = Rescued::default();
    for place in expired {
        if let Some((job, task)) = rows::readable_job_and_task(tx, "expire_reports", place)? {
            let error = too_late(&task);
            fail(tx, job, &task, &error, &mut rescued)?;
        }
    }
    Ok(rescued)
}

/// Only tasks of reports have a deadline.
fn too_late(task: &TaskRow) -> JobError {
    let (code, detail) = if task.no == ReportRequest::MAIL_TASK {
        (
            JobError::MAIL_UNDELIVERED,
            "The report was made, but the mail server did not take it for every recipient before the deadline; \
             the attempts say why. A retry makes the report anew and mails it to those who have not got it.",
        )
    } else {
        (
            JobError::NOT_CAUGHT_UP,
            "The counts did not include all that the report waits for before its deadline. \
             Ask again with a longer `deadline_s`.",
        )
    };
    JobError {
        code,
        detail: detail.to_owned(),
    }
}

fn fail(
    tx: &Tx<'_>,
    mut job: JobRow,
    task: &TaskRow,
    error: &JobError,
    rescued: &mut Rescued,
) -> Result<(), Fault> {
    let Some(to) = TaskTransition::Expire.apply(task.state, job.state) else {
        return Ok(());
    };
    let failed = tx.run(
        "UPDATE tasks SET state = ?3, standing = '' WHERE job = ?1 AND no = ?2 AND state = 'queued'",
        params![job.seq, task.no, to.as_str()],
    )?;
    if failed == 0 {
        return Ok(());
    }
    transition::tasks_ended(tx, &mut job, Ended::one(to), Some(error), &mut rescued.woke)?;
    transition::touch(tx, &job)?;
    rescued.tasks += 1;
    Ok(())
}
