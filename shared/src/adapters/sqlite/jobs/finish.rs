//! Step 7: outcomes move their tasks, each fenced by its lease, and with a job's last task the job (P2, P7, P14).

use rusqlite::params;

use super::fault::Fault;
use super::options::millis;
use super::rows::{self, JobRow, TaskRow, int};
use super::transition::{self, Ended};
use super::tx::Tx;
use super::{ledger, mail, report};
use crate::job::{Backoff, Failure, JobError, JobState, Lease, TaskState, TaskTransition};
use crate::mutant::{self, Mutant};
use crate::ports::{AttemptEnd, Finished, Outcome, ParkCondition, Published};

/// What a try to write outcomes led to.
pub(super) enum Tried {
    /// Each is written, or its lease was lost.
    Written(Vec<Finished>),
    /// P2, P14: a task ends, which must be flushed. Nothing was changed; write them again, flushed.
    MustBeFlushed,
}

/// Whether it is known without a look at the store that the write must be flushed. Several always are: if it turned out
/// at the second that its task ends, the first would have been written already.
pub(super) fn must_be_flushed(ends: &[AttemptEnd]) -> bool {
    ends.len() > 1 || ends.iter().any(|end| end.outcome.ends_task())
}

/// Writes outcomes, or nothing where a task would end and the write is not `flushed`.
pub(super) fn finish(tx: &Tx<'_>, ends: &[AttemptEnd], flushed: bool) -> Result<Tried, Fault> {
    if must_be_flushed(ends) && !flushed {
        return Ok(Tried::MustBeFlushed);
    }
    let mut finished = Vec::with_capacity(ends.len());
    for end in ends {
        match finish_one(tx, end.lease, &end.outcome, flushed)? {
            Some(one) => finished.push(one),
            None => return Ok(Tried::MustBeFlushed),
        }
    }
    Ok(Tried::Written(finished))
}

/// `None` when the task would end and the write is not `flushed`; then nothing was changed.
fn finish_one(
    tx: &Tx<'_>,
    lease: Lease,
    outcome: &Outcome,
    flushed: bool,
) -> Result<Option<Finished>, Fault> {
    let lost = Finished {
        task: None,
        job: None,
        woke: Vec::new(),
    };
    let Some((mut job, task)) = rows::job_and_task(tx, lease.task)? else {
        return Ok(Some(lost));
    };
    let fenced =
        (task.token, task.nonce) == (lease.token, Some(lease.nonce)) || mutant::on(Mutant::SkipFence);
    let ours = task.state == TaskState::Leased && fenced;
    let seen = if forgets_cancel(outcome) {
        JobState::Running
    } else {
        job.state
    };
    let Some(to) = transition_of(outcome).apply(task.state, seen).filter(|_| ours) else {
        return Ok(Some(lost));
    };
    if to.is_terminal() && !flushed {
        return Ok(None);
    }
    let mut woke = Vec::new();
    note(tx, &job, &task, outcome)?;
    let (error, published) = told(outcome);
    if let Some(published) = published {
        for mark in &published.marks {
            tx.sums().keep_mark(mark);
        }
        if to.is_terminal() {
            ledger::merge_receipts(tx, &job, &published.receipts)?;
        }
    }
    let events = published.map_or(0, |published| published.events);
    if to.is_terminal() {
        // A report of a cancelled job has no result, and nobody gets it.
        if let (Outcome::Reported(report), TaskState::Succeeded) = (outcome, to) {
            report::insert(tx, &job, report)?;
            mail::follow(tx, &mut job, &mut woke)?;
        }
        if let Outcome::Changed { matched, changed } = outcome {
            ledger::count_jobs(tx, &job, *matched, *changed)?;
        }
        leave_lease(tx, &job, &task, to, &Next::END.published(events))?;
        transition::tasks_ended(tx, &mut job, Ended::one(to), error, &mut woke)?;
    } else {
        let next = next(tx, &job, &task, outcome)?.published(events);
        leave_lease(tx, &job, &task, to, &next)?;
        if next.standing == UNSENT {
            transition::wake_queue(&mut woke, task.queue);
        }
    }
    transition::touch(tx, &job)?;
    Ok(Some(Finished {
        task: Some(to),
        job: Some(job.state),
        woke,
    }))
}

/// P14: no way out of a lease does.
fn forgets_cancel(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Failed { .. } => mutant::on(Mutant::CancelForgetsBackOff),
        Outcome::Park(_) => mutant::on(Mutant::CancelForgetsPark),
        Outcome::Published(_)
        | Outcome::Reported(_)
        | Outcome::Mailed
        | Outcome::Changed { .. }
        | Outcome::HandBack(_) => false,
    }
}

const fn transition_of(outcome: &Outcome) -> TaskTransition {
    match outcome {
        Outcome::Published(_) | Outcome::Reported(_) | Outcome::Mailed | Outcome::Changed { .. } => {
            TaskTransition::Succeed
        }
        Outcome::Failed {
            failure: Failure::Permanent(_),
            published: _,
        } => TaskTransition::Fail,
        Outcome::Failed {
            failure: Failure::Transient { reason: _ },
            published: _,
        }
        | Outcome::Park(_)
        | Outcome::HandBack(_) => TaskTransition::Requeue,
    }
}

const fn told(outcome: &Outcome) -> (Option<&JobError>, Option<&Published>) {
    match outcome {
        Outcome::Published(published) | Outcome::HandBack(published) => (None, Some(published)),
        Outcome::Reported(_) | Outcome::Mailed | Outcome::Changed { .. } | Outcome::Park(_) => (None, None),
        Outcome::Failed {
            failure: Failure::Permanent(error),
            published,
        } => (Some(error), Some(published)),
        Outcome::Failed {
            failure: Failure::Transient { reason: _ },
            published,
        } => (None, Some(published)),
    }
}

/// Ends the attempt in the job's history.
fn note(tx: &Tx<'_>, job: &JobRow, task: &TaskRow, outcome: &Outcome) -> Result<(), Fault> {
    let error = match outcome {
        Outcome::Published(_)
        | Outcome::Reported(_)
        | Outcome::Mailed
        | Outcome::Changed { .. }
        | Outcome::Park(_)
        | Outcome::HandBack(_) => None,
        Outcome::Failed {
            failure: Failure::Transient { reason },
            published: _,
        } => Some(reason.as_str()),
        Outcome::Failed {
            failure: Failure::Permanent(error),
            published: _,
        } => Some(error.detail.as_str()),
    };
    end_attempt(tx, job, task, error)
}

/// Ends the task's running attempt.
pub(super) fn end_attempt(
    tx: &Tx<'_>,
    job: &JobRow,
    task: &TaskRow,
    error: Option<&str>,
) -> Result<(), Fault> {
    tx.run(
        "UPDATE attempts SET ended_ms = ?4, error = ?5 WHERE job = ?1 AND task = ?2 AND n = ?3",
        params![job.seq, task.no, task.attempts, tx.wall.as_millis(), error],
    )?;
    Ok(())
}

const UNSENT: &str = "unsent";

/// How a task stands after it has left its lease.
pub(super) struct Next {
    standing: &'static str,
    at_boot_ms: i64,
    failures: u32,
    parked: Option<String>,
    /// What this attempt delivered.
    published: u64,
}

impl Next {
    const END: Self = Self {
        standing: "",
        at_boot_ms: 0,
        failures: 0,
        parked: None,
        published: 0,
    };

    /// Due at once, with no failure to its name.
    pub(super) const fn due(tx: &Tx<'_>) -> Self {
        Self {
            standing: UNSENT,
            at_boot_ms: tx.boot_ms,
            failures: 0,
            parked: None,
            published: 0,
        }
    }

    fn published(self, published: u64) -> Self {
        Self { published, ..self }
    }
}

fn next(tx: &Tx<'_>, job: &JobRow, task: &TaskRow, outcome: &Outcome) -> Result<Next, Fault> {
    let due = Next::due(tx);
    Ok(match outcome {
        Outcome::Failed { .. } => {
            let failures = task.failures.saturating_add(1);
            Next {
                at_boot_ms: tx.boot_ms + millis(Backoff::TASK.draw(failures)),
                failures,
                ..due
            }
        }
        Outcome::Park(parked) => {
            // P22: what has come true in the meantime wakes nobody later. P21: no bound is no condition.
            let standing = match parked.condition {
                ParkCondition::JobsEnded if transition::waits(tx, job.seq)? => "jobs",
                ParkCondition::BoundReached if parked.bound.is_some() => "bound",
                ParkCondition::JobsEnded | ParkCondition::BoundReached => UNSENT,
            };
            Next {
                standing,
                parked: Some(rows::to_json(parked)),
                ..due
            }
        }
        Outcome::HandBack(_)
        | Outcome::Published(_)
        | Outcome::Reported(_)
        | Outcome::Mailed
        | Outcome::Changed { .. } => due,
    })
}

/// P6, P7: one conditional write takes the lease away; each return to `queued` raises the dispatch number.
pub(super) fn leave_lease(
    tx: &Tx<'_>,
    job: &JobRow,
    task: &TaskRow,
    to: TaskState,
    next: &Next,
) -> Result<(), Fault> {
    let left = tx.run(
        "UPDATE tasks SET state = ?5, standing = ?6, at_boot_ms = ?7, failures = ?8,
                parked = ifnull(?9, parked), published = max(published, ?10), dispatch_no = dispatch_no + 1, resends = 0, nonce = NULL,
                lease_until_boot_ms = NULL
         WHERE job = ?1 AND no = ?2 AND state = 'leased' AND token = ?3 AND nonce = ?4",
        params![
            job.seq,
            task.no,
            task.token,
            task.nonce,
            to.as_str(),
            next.standing,
            next.at_boot_ms,
            int(u64::from(next.failures)),
            next.parked,
            int(next.published),
        ],
    )?;
    if left == 0 {
        return Err(Fault::corrupt("tasks.token", task.token));
    }
    Ok(())
}

/// Ends a task whose lease its holder lost.
pub(super) fn end_lost(tx: &Tx<'_>, job: &JobRow, task: &TaskRow, to: TaskState) -> Result<(), Fault> {
    leave_lease(tx, job, task, to, &Next::END)
}
