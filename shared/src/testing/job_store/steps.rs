//! The steps of a job's way as a case takes them: each must succeed, so that a case reads like a story.

use super::build::worker;
use super::fixture::Fixture;
use crate::job::{JobId, JobState, JobView, Lease, QueueName, TaskRef, TaskState};
use crate::ports::{
    Accepted, AttemptEnd, CancelOutcome, Claimed, DueTask, Finished, Heartbeat, HeartbeatOutcome, JobLookup,
    NewJob, Outcome, Rescued, Whose,
};

/// Rows that [`job`] asks for.
const ROWS_MAX: usize = 1_000;

/// Accepts a job.
///
/// # Panics
/// When the store does not.
pub async fn accept(store: &impl Fixture, new: NewJob) -> JobView {
    match store.accept().accept(new).await {
        Ok(Accepted::Made(view)) => *view,
        other => panic!("the job is not accepted: {other:?}"),
    }
}

/// Claims what can be claimed, as worker `w`.
///
/// # Panics
/// When the store fails.
pub async fn claim_any(store: &impl Fixture, tasks: &[TaskRef]) -> Vec<Claimed> {
    let claimed = store.attempts().claim(tasks.to_vec(), &worker("w")).await;
    claimed.expect("the store claims")
}

/// Claims one task.
///
/// # Panics
/// When it cannot be claimed.
pub async fn claim(store: &impl Fixture, named: TaskRef) -> Claimed {
    let mut claimed = claim_any(store, &[named]).await;
    assert_eq!(claimed.len(), 1, "{named} can be claimed");
    claimed.remove(0)
}

/// Nothing of `named` can be claimed now.
///
/// # Panics
/// When it can.
pub async fn assert_unclaimable(store: &impl Fixture, named: TaskRef) {
    let claimed = claim_any(store, &[named]).await;
    assert!(claimed.is_empty(), "{named} was claimed: {claimed:?}");
}

/// Writes an outcome.
///
/// # Panics
/// When the store fails.
pub async fn finish(store: &impl Fixture, lease: Lease, outcome: Outcome) -> Finished {
    finish_together(store, vec![AttemptEnd { lease, outcome }])
        .await
        .remove(0)
}

/// Writes outcomes in one call.
///
/// # Panics
/// When the store fails, or does not answer for each.
pub async fn finish_together(store: &impl Fixture, ends: Vec<AttemptEnd>) -> Vec<Finished> {
    let count = ends.len();
    let finished = store.attempts().finish(ends.into()).await;
    let finished = finished.expect("the store takes the outcomes");
    assert_eq!(finished.len(), count, "one answer per end");
    finished
}

/// Claims a task and ends its attempt; returns the states of the task and its job.
///
/// # Panics
/// When it cannot be claimed.
pub async fn work(store: &impl Fixture, named: TaskRef, outcome: Outcome) -> (TaskState, JobState) {
    let lease = claim(store, named).await.lease;
    let finished = finish(store, lease, outcome).await;
    (
        finished.task.expect("the lease is ours"),
        finished.job.expect("the lease is ours"),
    )
}

/// One heartbeat.
///
/// # Panics
/// When the store fails.
pub async fn beat(store: &impl Fixture, lease: Lease, published: u64) -> HeartbeatOutcome {
    let beats = vec![Heartbeat { lease, published }];
    let outcomes = store
        .attempts()
        .heartbeat(beats)
        .await
        .expect("the store answers");
    assert_eq!(outcomes.len(), 1, "one outcome per heartbeat");
    outcomes[0]
}

/// The job as it is read back.
///
/// # Panics
/// When there is none.
pub async fn job(store: &impl Fixture, id: JobId) -> JobView {
    match store.reader().job(id, ROWS_MAX).await {
        Ok(JobLookup::Found(view)) => *view,
        other => panic!("job {id} is not there: {other:?}"),
    }
}

/// The state of the job as it is read back.
///
/// # Panics
/// When there is none.
pub async fn state(store: &impl Fixture, id: JobId) -> JobState {
    job(store, id).await.state
}

/// Cancels, and says which answer came, with the job that it carried.
///
/// # Panics
/// When there is no such job.
pub async fn cancel(store: &impl Fixture, id: JobId) -> (&'static str, JobView) {
    match store.control().cancel(id).await {
        Ok(CancelOutcome::Cancelled(view)) => ("cancelled", *view),
        Ok(CancelOutcome::Cancelling(view)) => ("cancelling", *view),
        Ok(CancelOutcome::AlreadyEnded(view)) => ("already ended", *view),
        other => panic!("job {id} cannot be cancelled: {other:?}"),
    }
}

/// All that is due in the queue.
///
/// # Panics
/// When the store fails.
pub async fn due(store: &impl Fixture, queue: QueueName) -> Vec<DueTask> {
    let due = store.dispatch().due(queue, usize::MAX, Whose::Ours).await;
    due.expect("the store answers").tasks
}

/// The tasks that are due in the queue.
///
/// # Panics
/// When the store fails.
pub async fn due_tasks(store: &impl Fixture, queue: QueueName) -> Vec<TaskRef> {
    due(store, queue).await.into_iter().map(|due| due.task).collect()
}

/// Marks as sent; returns how many were.
///
/// # Panics
/// When the store fails.
pub async fn mark_sent(store: &impl Fixture, sent: Vec<DueTask>) -> u64 {
    store.dispatch().mark_sent(sent).await.expect("the store marks")
}

/// One round of the rescuer.
///
/// # Panics
/// When the store fails.
pub async fn rescue(store: &impl Fixture) -> Rescued {
    let rescued = store.rescue().rescue_lapsed(1_000).await;
    rescued.expect("the store answers")
}
