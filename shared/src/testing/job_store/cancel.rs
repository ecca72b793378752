//! A cancel ends what nobody holds at once, and the rest as its holders let go (P14).

use std::time::Duration;

use super::build::{
    EVENTS, REPORTS, SUBMITS, done, hand_back, park_on_bound, park_on_jobs, permanent, published, report,
    reported, submit, task, transient,
};
use super::fixture::{Fixture, LEASE};
use super::steps::{
    accept, assert_unclaimable, beat, cancel, claim, due, due_tasks, finish, job, mark_sent, rescue, state,
    work,
};
use crate::job::{JobError, JobId, JobState, TaskState};
use crate::ports::{CancelOutcome, Clock, HeartbeatOutcome, NewJob, Outcome};

/// A job that was never claimed ends in the cancel itself, for good.
pub async fn p14_a_queued_job_is_cancelled_at_once(mut store: impl Fixture) {
    let id = accept(&store, submit(&store, 2)).await.id;
    store.clock().pass(Duration::from_secs(3));
    let (answer, view) = cancel(&store, id).await;
    assert_eq!((answer, view.state), ("cancelled", JobState::Cancelled));
    assert_eq!(
        (view.ended_at, view.started_at),
        (Some(store.clock().wall()), None)
    );
    assert!(view.expires_at > view.ended_at && view.error.is_none());
    store.reopen();
    assert_eq!(job(&store, id).await, view);
    assert_gone(&store, id).await;
}

/// What was sent and not claimed is cancelled as well: its wake-up finds nothing.
pub async fn p14_a_sent_task_is_cancelled_at_once(store: impl Fixture) {
    let id = accept(&store, submit(&store, 1)).await.id;
    let sent = due(&store, SUBMITS).await;
    assert_eq!(mark_sent(&store, sent.clone()).await, 1);
    assert_eq!(cancel(&store, id).await.0, "cancelled");
    assert_eq!(store.dispatch().outstanding(SUBMITS).await.expect("answers"), 0);
    assert_eq!(mark_sent(&store, sent).await, 0);
    assert_gone(&store, id).await;
}

/// While a worker holds its task the job is cancelling, and the holder learns it by its heartbeat.
pub async fn p14_a_leased_job_is_cancelling_until_its_holder_lets_go(mut store: impl Fixture) {
    let id = accept(&store, submit(&store, 1)).await.id;
    let lease = claim(&store, task(id, 0)).await.lease;
    let (answer, view) = cancel(&store, id).await;
    assert_eq!(
        (answer, view.state, view.ended_at),
        ("cancelling", JobState::Cancelling, None)
    );
    assert_unclaimable(&store, task(id, 0)).await;
    assert_eq!(beat(&store, lease, 0).await, HeartbeatOutcome::Cancelling);
    store.reopen();
    assert_eq!(state(&store, id).await, JobState::Cancelling);
    let finished = finish(&store, lease, hand_back()).await;
    assert_eq!(
        (finished.task, finished.job),
        (Some(TaskState::Cancelled), Some(JobState::Cancelled))
    );
    assert_gone(&store, id).await;
}

/// A task that waits for its back-off is held by nobody.
pub async fn p14_a_task_that_backs_off_is_cancelled_at_once(store: impl Fixture) {
    let id = accept(&store, submit(&store, 1)).await.id;
    work(&store, task(id, 0), transient("away")).await;
    assert_eq!(cancel(&store, id).await.0, "cancelled");
    assert_gone(&store, id).await;
    assert_eq!(store.dispatch().next_due(SUBMITS).await.expect("answers"), None);
}

/// Parked on its bound: neither the projector nor the rescuer finds it again.
pub async fn p14_a_report_parked_on_its_bound_is_cancelled_at_once(store: impl Fixture) {
    let id = accept(&store, report(&store, &[])).await.id;
    work(&store, task(id, 0), park_on_bound(7)).await;
    assert_eq!(cancel(&store, id).await.0, "cancelled");
    assert_eq!(store.rescue().parked().await.expect("answers"), []);
    assert_eq!(
        store
            .rescue()
            .wake(vec![task(id, 0)])
            .await
            .expect("answers")
            .tasks,
        0
    );
    assert_gone(&store, id).await;
}

/// Parked on jobs: their end wakes nobody.
pub async fn p14_a_report_parked_on_jobs_is_cancelled_at_once(store: impl Fixture) {
    let awaited = accept(&store, submit(&store, 1)).await.id;
    let id = accept(&store, report(&store, &[awaited])).await.id;
    work(&store, task(id, 0), park_on_jobs()).await;
    assert_eq!(cancel(&store, id).await.0, "cancelled");
    let lease = claim(&store, task(awaited, 0)).await.lease;
    assert_eq!(finish(&store, lease, done(EVENTS)).await.woke, []);
    assert_gone(&store, id).await;
}

/// Of two tasks one is held: the other ends with the cancel.
pub async fn p14_the_tasks_that_nobody_holds_end_with_the_cancel(store: impl Fixture) {
    let id = accept(&store, submit(&store, 3)).await.id;
    let lease = claim(&store, task(id, 1)).await.lease;
    work(&store, task(id, 2), transient("away")).await;
    assert_eq!(cancel(&store, id).await.0, "cancelling");
    store.clock().pass(Duration::from_secs(1));
    assert_eq!(due_tasks(&store, SUBMITS).await, []);
    assert_unclaimable(&store, task(id, 0)).await;
    assert_unclaimable(&store, task(id, 2)).await;
    assert_eq!(
        finish(&store, lease, hand_back()).await.job,
        Some(JobState::Cancelled)
    );
    assert_gone(&store, id).await;
}

/// Of two held tasks the second ends the job.
pub async fn p14_the_last_holder_ends_a_cancelling_job(store: impl Fixture) {
    let id = accept(&store, submit(&store, 2)).await.id;
    let first = claim(&store, task(id, 0)).await.lease;
    let second = claim(&store, task(id, 1)).await.lease;
    assert_eq!(cancel(&store, id).await.0, "cancelling");
    let one = finish(&store, first, done(EVENTS)).await;
    assert_eq!(
        (one.task, one.job),
        (Some(TaskState::Cancelled), Some(JobState::Cancelling))
    );
    assert_eq!(job(&store, id).await.ended_at, None);
    let two = finish(&store, second, transient("away")).await;
    assert_eq!(
        (two.task, two.job),
        (Some(TaskState::Cancelled), Some(JobState::Cancelled))
    );
}

/// One task had succeeded before: the job is cancelled all the same, and keeps what it published.
pub async fn p14_a_cancel_after_a_first_success_keeps_what_was_published(store: impl Fixture) {
    let id = accept(&store, submit(&store, 2)).await.id;
    work(&store, task(id, 0), done(EVENTS)).await;
    let (answer, view) = cancel(&store, id).await;
    assert_eq!((answer, view.progress.published), ("cancelled", EVENTS));
}

/// Every way in which a holder lets go of a submit's task ends the cancelling job.
pub async fn p14_every_outcome_of_a_cancelling_submit_ends_cancelled(mut store: impl Fixture) {
    for outcome in [
        done(EVENTS),
        transient("away"),
        permanent(JobError::INTERNAL),
        hand_back(),
        Outcome::HandBack(published(4)),
    ] {
        let new = NewJob {
            rejected: 1,
            ..submit(&store, 1)
        };
        ends_cancelled(&mut store, new, outcome).await;
    }
}

/// The same for a report: a park too, on either condition; what it had made is not shown.
pub async fn p14_every_outcome_of_a_cancelling_report_ends_cancelled(mut store: impl Fixture) {
    let awaited = accept(&store, submit(&store, 1)).await.id;
    for outcome in [
        reported(&store),
        transient("away"),
        permanent(JobError::NOT_CAUGHT_UP),
        hand_back(),
        park_on_jobs(),
        park_on_bound(5),
    ] {
        let new = report(&store, &[awaited]);
        ends_cancelled(&mut store, new, outcome).await;
    }
    assert_eq!(store.rescue().parked().await.expect("answers"), []);
}

/// A holder that vanished lets go by its lapse.
pub async fn p14_a_lapse_ends_a_cancelling_job(store: impl Fixture) {
    let id = accept(&store, submit(&store, 1)).await.id;
    let lease = claim(&store, task(id, 0)).await.lease;
    cancel(&store, id).await;
    store.clock().pass(LEASE + Duration::from_millis(1));
    assert_eq!(rescue(&store).await.tasks, 1);
    assert_eq!(state(&store, id).await, JobState::Cancelled);
    assert_eq!(beat(&store, lease, 1).await, HeartbeatOutcome::Lost);
    assert_gone(&store, id).await;
}

/// The start of an embedded process voids the lease of a cancelling job (P10).
pub async fn p14_voided_leases_end_a_cancelling_job(store: impl Fixture) {
    let id = accept(&store, submit(&store, 1)).await.id;
    claim(&store, task(id, 0)).await;
    cancel(&store, id).await;
    assert_eq!(store.rescue().void_leases().await.expect("answers").tasks, 1);
    assert_eq!(state(&store, id).await, JobState::Cancelled);
    assert_gone(&store, id).await;
}

/// A cancel again is answered alike and changes nothing.
pub async fn p14_a_cancel_is_repeatable(store: impl Fixture) {
    let id = accept(&store, submit(&store, 1)).await.id;
    let lease = claim(&store, task(id, 0)).await.lease;
    let first = cancel(&store, id).await;
    assert_eq!(cancel(&store, id).await, first);
    finish(&store, lease, hand_back()).await;
    let (answer, ended) = cancel(&store, id).await;
    assert_eq!(answer, "cancelled");
    store.clock().pass(Duration::from_secs(60));
    assert_eq!(cancel(&store, id).await, ("cancelled", ended.clone()));
    assert_eq!(job(&store, id).await, ended);
}

/// A cancel that comes too late says how the job had ended.
pub async fn p14_a_cancel_after_another_end_changes_nothing(store: impl Fixture) {
    for (outcome, rejected, end) in [
        (done(EVENTS), 0, JobState::Succeeded),
        (done(EVENTS), 1, JobState::PartiallySucceeded),
        (permanent(JobError::INTERNAL), 0, JobState::Failed),
    ] {
        let new = NewJob {
            rejected,
            ..submit(&store, 1)
        };
        let id = accept(&store, new).await.id;
        work(&store, task(id, 0), outcome).await;
        let ended = job(&store, id).await;
        assert_eq!(ended.state, end);
        assert_eq!(cancel(&store, id).await, ("already ended", ended.clone()));
        assert_eq!(job(&store, id).await, ended);
    }
}

/// There is no such job.
pub async fn a_cancel_of_an_unknown_job_says_so(store: impl Fixture) {
    let answer = store.control().cancel(JobId::generate()).await;
    assert!(matches!(answer, Ok(CancelOutcome::Unknown)), "{answer:?}");
}

/// Claims the only task, cancels, lets go with `outcome`: the job is cancelled, and stays so.
async fn ends_cancelled(store: &mut impl Fixture, new: NewJob, outcome: Outcome) {
    let id = accept(store, new).await.id;
    let lease = claim(store, task(id, 0)).await.lease;
    assert_eq!(cancel(store, id).await.0, "cancelling");
    let what = format!("{outcome:?}");
    let finished = finish(store, lease, outcome).await;
    let ended = (Some(TaskState::Cancelled), Some(JobState::Cancelled));
    assert_eq!((finished.task, finished.job), ended, "{what}");
    store.reopen();
    let view = job(store, id).await;
    assert_eq!(
        (view.state, &view.error, &view.report),
        (JobState::Cancelled, &None, &None),
        "{what}"
    );
    assert!(view.ended_at.is_some(), "{what}");
    assert_gone(store, id).await;
}

/// None of the job's tasks is due, now or later, and none can be claimed.
async fn assert_gone(store: &impl Fixture, id: JobId) {
    store.clock().pass(Duration::from_secs(60));
    for queue in [SUBMITS, REPORTS] {
        store.dispatch().resend(queue, true).await.expect("answers");
        let due = due_tasks(store, queue).await;
        assert!(due.iter().all(|named| named.job != id), "{due:?}");
    }
    for no in 0..3 {
        assert_unclaimable(store, task(id, no)).await;
    }
    assert_eq!(state(store, id).await, JobState::Cancelled);
}
