//! Lapsed leases: their tasks are queued again, end with their cancelled job, or have killed too often (P8, P13, P14).

use rusqlite::params;

use super::fault::Fault;
use super::finish;
use super::presence::Presence;
use super::rows::{self, JobRow, TaskRow};
use super::transition::{self, Ended};
use super::tx::Tx;
use crate::job::{JobError, TaskTransition};
use crate::ports::Rescued;

/// P13: the death that made the task run alone, and three while it did.
const DEATHS_MAX: u32 = 4;

/// Takes away up to `limit` leases that ended at `until` or before. Whether a holder vanished `presence` knows;
/// without it nobody did.
pub(super) fn lapse(
    tx: &Tx<'_>,
    until: i64,
    limit: usize,
    presence: Option<&Presence>,
) -> Result<Rescued, Fault> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let lapsed: Vec<(i64, u32)> = tx
        .statement(
            "SELECT job, no FROM tasks WHERE state = 'leased' AND lease_until_boot_ms <= ?1
             ORDER BY lease_until_boot_ms LIMIT ?2",
        )?
        .query_map(params![until, limit], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    let mut rescued = Rescued::default();
    for place in lapsed {
        if let Some((mut job, task)) = rows::readable_job_and_task(tx, "rescue_lapsed", place)? {
            let died = presence.is_some_and(|presence| has_died(tx, &job, &task, presence));
            lapse_one(tx, &mut job, &task, died, &mut rescued)?;
        }
    }
    Ok(rescued)
}

fn lapse_one(
    tx: &Tx<'_>,
    job: &mut JobRow,
    task: &TaskRow,
    died: bool,
    rescued: &mut Rescued,
) -> Result<(), Fault> {
    let deaths = count_death(tx, job, task, died)?;
    let is_suspect = died && task.deaths == 0;
    let lost = (deaths >= DEATHS_MAX).then(worker_lost);
    let transition = match lost {
        Some(_) => TaskTransition::Fail,
        None => TaskTransition::Requeue,
    };
    let Some(to) = transition.apply(task.state, job.state) else {
        return Ok(());
    };
    let why = if died {
        "the worker process vanished while it did this"
    } else {
        "the worker gave no sign of life in time"
    };
    finish::end_attempt(tx, job, task, Some(why))?;
    if to.is_terminal() {
        finish::end_lost(tx, job, task, to)?;
        transition::tasks_ended(tx, job, Ended::one(to), lost.as_ref(), &mut rescued.woke)?;
    } else {
        finish::leave_lease(tx, job, task, to, &finish::Next::due(tx))?;
        transition::wake_queue(&mut rescued.woke, task.queue);
        rescued.suspects += u64::from(is_suspect);
    }
    transition::touch(tx, job)?;
    rescued.tasks += 1;
    Ok(())
}

fn worker_lost() -> JobError {
    JobError {
        code: JobError::WORKER_LOST,
        detail: "Each worker process that did this vanished, also when it did nothing else. What had been published \
                 before stays; the operator's log says more."
            .to_owned(),
    }
}

/// P13: whether the holder vanished while it did this task, and nothing else that may have killed it.
fn has_died(tx: &Tx<'_>, job: &JobRow, task: &TaskRow, presence: &Presence) -> bool {
    let holder: Result<String, Fault> = tx
        .statement("SELECT worker FROM attempts WHERE job = ?1 AND task = ?2 AND n = ?3")
        .and_then(|mut statement| {
            Ok(statement.query_row(params![job.seq, task.no, task.attempts], |row| row.get(0))?)
        });
    // The first death may be another's fault; after it only what happens alone counts.
    let suspected = task.deaths == 0 || task.alone;
    holder.is_ok_and(|holder| suspected && presence.has_vanished(&holder))
}

fn count_death(tx: &Tx<'_>, job: &JobRow, task: &TaskRow, died: bool) -> Result<u32, Fault> {
    if !died {
        return Ok(task.deaths);
    }
    let deaths = task.deaths + 1;
    if task.alone {
        tracing::warn!(
            task = task.no,
            deaths,
            "a worker process vanished while it did nothing but this task"
        );
    }
    tx.run(
        "UPDATE tasks SET deaths = ?3 WHERE job = ?1 AND no = ?2",
        params![job.seq, task.no, deaths],
    )?;
    Ok(deaths)
}

/// Who holds a lease: their traces are needed when it lapses.
pub(super) fn holders(tx: &Tx<'_>) -> Result<Vec<String>, Fault> {
    Ok(tx
        .statement(
            "SELECT DISTINCT attempts.worker FROM tasks JOIN attempts
               ON attempts.job = tasks.job AND attempts.task = tasks.no AND attempts.n = tasks.attempts
             WHERE tasks.state = 'leased'",
        )?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?)
}
