//! Step 7: the outcome of an attempt, fenced by its lease.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension, named_params};

use super::moves::{JobRow, TaskEnd, changed, end_open_task, job_row, queue_name, task_state};
use super::{Fault, JobStore, Now, Write};
use crate::job::{Backoff, Failure, JobError, Lease, QueueName, Receipt, Report, TaskState, TaskTransition};
use crate::ports::{Finished, Outcome, ParkCondition, Parked, Published, RecordMark, StoreError};

/// What a relaxed write made of an outcome.
enum Written {
    Finished(Finished),
    /// The task ends with its cancelling job, which has to be flushed; nothing was changed (P2, P14).
    MustFlush,
}

impl JobStore {
    pub(super) async fn finish_attempt(
        &self,
        lease: Lease,
        outcome: Outcome,
    ) -> Result<Finished, StoreError> {
        if !outcome.ends_task() {
            let relaxed = outcome.clone();
            let written = self
                .write(Write::relaxed("finish"), move |connection, now| {
                    write_outcome(connection, now, lease, &relaxed, false)
                })
                .await?;
            if let Written::Finished(finished) = written {
                return Ok(finished);
            }
        }
        let written = self
            .write(Write::flushed("finish"), move |connection, now| {
                write_outcome(connection, now, lease, &outcome, true)
            })
            .await?;
        match written {
            Written::Finished(finished) => Ok(finished),
            Written::MustFlush => Err(StoreError::Corrupt {
                what: "a flushed outcome".to_owned(),
            }),
        }
    }
}

fn write_outcome(
    connection: &Connection,
    now: Now,
    lease: Lease,
    outcome: &Outcome,
    flushed: bool,
) -> Result<Written, Fault> {
    let lost = Written::Finished(Finished {
        task: None,
        job: None,
        woke: Vec::new(),
    });
    let Some(mut job) = job_row(connection, lease.task.job)? else {
        return Ok(lost);
    };
    let held = connection
        .prepare_cached(
            "SELECT state, published, queue, failures FROM tasks
             WHERE job = ?1 AND task = ?2 AND lease_token = ?3 AND lease_nonce = ?4",
        )?
        .query_row((job.seq, lease.task.task, lease.token, lease.nonce), |row| {
            Ok((
                row.get::<_, String>(0)?,
                row.get::<_, i64>(1)?,
                row.get::<_, String>(2)?,
                row.get(3)?,
            ))
        })
        .optional()?;
    let Some((from, published_before, queue, failures)) = held else {
        return Ok(lost);
    };
    let from = task_state(&from)?;
    let Some(to) = transition(outcome).apply(from, job.state) else {
        return Ok(lost);
    };
    if to.is_terminal() && !flushed {
        return Ok(Written::MustFlush);
    }
    let none = Published::default();
    let published = published(outcome).unwrap_or(&none);
    let more = published
        .events
        .cast_signed()
        .saturating_sub(published_before)
        .max(0);
    let exit = Exit {
        job: &job,
        lease,
        from,
        to,
        published: published_before + more,
    };
    let mut woke = BTreeSet::new();
    end_attempt(connection, now, &exit, reason(outcome))?;
    keep_marks(connection, &published.marks)?;
    if to.is_terminal() {
        leave_for_good(connection, &exit)?;
        add_receipts(connection, job.seq, &published.receipts)?;
        if let (Outcome::Reported(report), TaskState::Succeeded) = (outcome, to) {
            keep_report(connection, job.seq, report)?;
        }
        let end = TaskEnd {
            to,
            error: error(outcome),
            published_more: more,
        };
        end_open_task(connection, now, &mut job, &end, &mut woke)?;
    } else {
        add_progress(connection, job.seq, more)?;
        let queue = queue_name(&queue)?;
        requeue(connection, now, &exit, outcome, failures)?;
        changed(connection, job.seq)?;
        woke.insert(queue);
    }
    let woke = woke.into_iter().collect();
    Ok(Written::Finished(Finished {
        task: Some(to),
        job: Some(job.state),
        woke,
    }))
}

/// A way out of `leased`, as the state machine decided it.
pub(super) struct Exit<'a> {
    pub(super) job: &'a JobRow,
    pub(super) lease: Lease,
    pub(super) from: TaskState,
    pub(super) to: TaskState,
    pub(super) published: i64,
}

fn transition(outcome: &Outcome) -> TaskTransition {
    match outcome {
        Outcome::Published(_) | Outcome::Reported(_) => TaskTransition::Succeed,
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

fn published(outcome: &Outcome) -> Option<&Published> {
    match outcome {
        Outcome::Published(published)
        | Outcome::HandBack(published)
        | Outcome::Failed {
            failure: _,
            published,
        } => Some(published),
        Outcome::Reported(_) | Outcome::Park(_) => None,
    }
}

fn reason(outcome: &Outcome) -> Option<&str> {
    match outcome {
        Outcome::Failed {
            failure: Failure::Transient { reason },
            published: _,
        } => Some(reason),
        Outcome::Failed {
            failure: Failure::Permanent(error),
            published: _,
        } => Some(&error.detail),
        Outcome::Published(_) | Outcome::Reported(_) | Outcome::Park(_) | Outcome::HandBack(_) => None,
    }
}

fn error(outcome: &Outcome) -> Option<&JobError> {
    match outcome {
        Outcome::Failed {
            failure: Failure::Permanent(error),
            published: _,
        } => Some(error),
        Outcome::Failed {
            failure: Failure::Transient { reason: _ },
            published: _,
        }
        | Outcome::Published(_)
        | Outcome::Reported(_)
        | Outcome::Park(_)
        | Outcome::HandBack(_) => None,
    }
}

/// Closes the line of the attempt history.
pub(super) fn end_attempt(
    connection: &Connection,
    now: Now,
    exit: &Exit<'_>,
    error: Option<&str>,
) -> Result<(), Fault> {
    connection
        .prepare_cached(
            "UPDATE attempts SET ended_ms = ?3, error = ?4 WHERE job = ?1 AND task = ?2 AND ended_ms IS NULL",
        )?
        .execute((exit.job.seq, exit.lease.task.task, now.wall.as_millis(), error))?;
    Ok(())
}

/// The task ends. P7: every write compares token and nonce.
pub(super) fn leave_for_good(connection: &Connection, exit: &Exit<'_>) -> Result<(), Fault> {
    let moved = connection
        .prepare_cached(
            "UPDATE tasks SET state = :to, published = :published, lease_until_boot_ms = NULL, parked = NULL
             WHERE job = :job AND task = :task AND state = :from
               AND lease_token = :token AND lease_nonce = :nonce",
        )?
        .execute(named_params! {
            ":to": exit.to.as_str(), ":published": exit.published, ":job": exit.job.seq,
            ":task": exit.lease.task.task, ":from": exit.from.as_str(),
            ":token": exit.lease.token, ":nonce": exit.lease.nonce,
        })?;
    one_row(moved, exit)
}

/// When and on what condition a task that returns to `queued` comes due again.
pub(super) struct Return {
    pub(super) due_boot_ms: i64,
    pub(super) parked_on: Option<&'static str>,
    pub(super) parked: Option<String>,
    pub(super) failures: u32,
}

/// The task returns to `queued`. P6: every return raises `dispatch_no`.
pub(super) fn leave_for_now(connection: &Connection, exit: &Exit<'_>, back: &Return) -> Result<(), Fault> {
    let moved = connection
        .prepare_cached(
            "UPDATE tasks SET state = :to, published = :published, lease_until_boot_ms = NULL,
                dispatch_no = dispatch_no + 1, sent_boot_ms = NULL, sends = 0,
                due_boot_ms = :due, parked_on = :parked_on, parked = coalesce(:parked, parked),
                failures = :failures
             WHERE job = :job AND task = :task AND state = :from
               AND lease_token = :token AND lease_nonce = :nonce",
        )?
        .execute(named_params! {
            ":to": exit.to.as_str(), ":published": exit.published, ":due": back.due_boot_ms,
            ":parked_on": back.parked_on, ":parked": back.parked, ":failures": back.failures,
            ":job": exit.job.seq, ":task": exit.lease.task.task, ":from": exit.from.as_str(),
            ":token": exit.lease.token, ":nonce": exit.lease.nonce,
        })?;
    one_row(moved, exit)
}

fn one_row(moved: usize, exit: &Exit<'_>) -> Result<(), Fault> {
    if moved == 1 {
        return Ok(());
    }
    Err(Fault::Corrupt(format!(
        "task {} left its lease inside a transaction",
        exit.lease.task
    )))
}

fn requeue(
    connection: &Connection,
    now: Now,
    exit: &Exit<'_>,
    outcome: &Outcome,
    failures: u32,
) -> Result<(), Fault> {
    let at_once = Return {
        due_boot_ms: now.boot_ms,
        parked_on: None,
        parked: None,
        failures: 0,
    };
    let back = match outcome {
        Outcome::Failed {
            failure: Failure::Transient { reason: _ },
            published: _,
        } => {
            let failures = failures.saturating_add(1);
            let delay_ms = i64::try_from(Backoff::TASK.draw(failures).as_millis()).unwrap_or(i64::MAX);
            Return {
                due_boot_ms: now.boot_ms.saturating_add(delay_ms),
                failures,
                ..at_once
            }
        }
        Outcome::Park(parked) => Return {
            parked_on: park_column(connection, exit.job.seq, parked)?,
            parked: Some(serde_json::to_string(parked)?),
            ..at_once
        },
        Outcome::HandBack(_)
        | Outcome::Published(_)
        | Outcome::Reported(_)
        | Outcome::Failed {
            failure: Failure::Permanent(_),
            published: _,
        } => Return { failures, ..at_once },
    };
    leave_for_now(connection, exit, &back)
}

/// P22: what is awaited may have ended between the look and the park; then the task is due at once.
fn park_column(connection: &Connection, job: i64, parked: &Parked) -> Result<Option<&'static str>, Fault> {
    match parked.condition {
        ParkCondition::BoundReached => Ok(Some("bound_reached")),
        ParkCondition::JobsEnded => {
            let awaited: i64 = connection
                .prepare_cached("SELECT awaited_jobs FROM jobs WHERE seq = ?1")?
                .query_row([job], |row| row.get(0))?;
            Ok((awaited > 0).then_some("jobs_ended"))
        }
    }
}

fn add_progress(connection: &Connection, job: i64, more: i64) -> Result<(), Fault> {
    if more > 0 {
        connection
            .prepare_cached("UPDATE jobs SET published = published + ?2 WHERE seq = ?1")?
            .execute((job, more))?;
    }
    Ok(())
}

fn keep_marks(connection: &Connection, marks: &[RecordMark]) -> Result<(), Fault> {
    let mut keep = connection.prepare_cached(
        "INSERT INTO log_marks VALUES (?1, ?2, ?3) ON CONFLICT (partition) DO UPDATE
            SET offset = excluded.offset, event_id = excluded.event_id WHERE excluded.offset > offset",
    )?;
    for mark in marks {
        keep.execute((mark.partition, mark.offset, &mark.event_id))?;
    }
    Ok(())
}

fn add_receipts(connection: &Connection, job: i64, receipts: &[Receipt]) -> Result<(), Fault> {
    let mut find = connection.prepare_cached(
        "SELECT first_offset, last_offset, events, without_offset FROM receipts
         WHERE job = ?1 AND topic = ?2 AND partition = ?3",
    )?;
    let mut put = connection.prepare_cached("REPLACE INTO receipts VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?;
    for receipt in receipts {
        let known = find
            .query_row((job, &receipt.topic, receipt.partition), |row| {
                Ok(Receipt {
                    topic: receipt.topic.clone(),
                    partition: receipt.partition,
                    first_offset: row.get(0)?,
                    last_offset: row.get(1)?,
                    events: row.get::<_, i64>(2)?.unsigned_abs(),
                    without_offset: row.get::<_, i64>(3)?.unsigned_abs(),
                })
            })
            .optional()?;
        let mut sum = receipt.clone();
        if let Some(known) = known {
            sum.merge(&known);
        }
        put.execute((
            job,
            &sum.topic,
            sum.partition,
            sum.first_offset,
            sum.last_offset,
            sum.events.cast_signed(),
            sum.without_offset.cast_signed(),
        ))?;
    }
    Ok(())
}

fn keep_report(connection: &Connection, job: i64, report: &Report) -> Result<(), Fault> {
    let mut insert =
        connection.prepare_cached("INSERT INTO report_rows VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?;
    for (place, row) in report.rows.iter().enumerate() {
        let counts = (row.users.cast_signed(), row.events.cast_signed());
        insert.execute((
            job,
            place as i64,
            &row.country,
            &row.state,
            &row.city,
            counts.0,
            counts.1,
        ))?;
    }
    let head = Report {
        rows: Vec::new(),
        as_of: report.as_of.clone(),
        ..*report
    };
    connection
        .prepare_cached("UPDATE jobs SET report = ?2 WHERE seq = ?1")?
        .execute((job, serde_json::to_string(&head)?))?;
    Ok(())
}

/// The queues that a write woke, as the ports return them.
pub(super) type Woke = BTreeSet<QueueName>;
