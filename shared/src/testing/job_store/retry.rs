//! Retries: an ended job's request becomes a job again, over the same input (P11, P23).

use std::time::Duration;

use super::build::{EVENTS, REPORTS, chunk, done, park_on_jobs, permanent, reject, report, submit, task};
use super::fixture::{BACKLOG_LIMIT, Fixture};
use super::keys::key_use;
use super::steps::{accept, cancel, claim, due_tasks, finish, job, state, work};
use crate::job::{JobError, JobId, JobRequest, JobState, JobView, ReportRequest};
use crate::ports::{Clock, NewJob, NewRetry, RetryOutcome, StoreError};
use crate::wire::TraceContext;

const MOMENT: Duration = Duration::from_millis(1);

/// A retry of a retry has the first job's root, input and rejects, all tasks anew, and says what it repeats.
pub async fn a_retry_runs_over_the_input_of_its_root(mut store: impl Fixture) {
    let new = NewJob {
        received: 22,
        rejected: 2,
        chunks: vec![chunk(0, 0), chunk(0, 5), chunk(1, 12)],
        rejects: vec![reject(3), reject(9)],
        ..submit(&store, 2)
    };
    let root = accept(&store, new).await.id;
    work(&store, task(root, 0), done(EVENTS)).await;
    work(&store, task(root, 1), permanent(JobError::INTERNAL)).await;
    let ended = job(&store, root).await;
    store.clock().pass(MOMENT);
    let first = retry(&store, root).await;
    assert_eq!(
        (first.state, first.revision, first.retry_of),
        (JobState::Queued, 1, Some(root))
    );
    assert_eq!(first.created_at, store.clock().wall());
    assert_eq!(
        (
            first.progress.received,
            first.progress.rejected,
            first.progress.published
        ),
        (22, 2, 0)
    );
    cancel(&store, first.id).await;
    let second = retry(&store, first.id).await;
    assert_eq!(second.retry_of, Some(first.id));
    store.reopen();
    for no in 0..2 {
        let claimed = claim(&store, task(second.id, no)).await;
        assert_eq!((claimed.root, claimed.events, claimed.attempt), (root, EVENTS, 1));
        let chunk = store.attempts().input(task(second.id, no), 0).await;
        let chunk = chunk.expect("the store answers").expect("the input is there");
        assert_eq!(chunk.first_ordinal, u64::from(no) * 12);
    }
    let rejects = store.reader().rejects(second.id, 0, 10).await;
    let lines: Vec<_> = rejects
        .expect("answers")
        .into_iter()
        .map(|reject| reject.line)
        .collect();
    assert_eq!(lines, [3, 9]);
    assert_eq!(job(&store, root).await, ended, "an ended job never changes");
}

/// A job that has not ended is not retried.
pub async fn a_retry_waits_for_the_end(store: impl Fixture) {
    let id = accept(&store, submit(&store, 1)).await.id;
    let lease = claim(&store, task(id, 0)).await.lease;
    for expected in [JobState::Running, JobState::Cancelling] {
        match store.control().retry(new_retry(&store, id)).await {
            Ok(RetryOutcome::NotEnded(view)) => assert_eq!(view.state, expected),
            other => panic!("the job has not ended: {other:?}"),
        }
        cancel(&store, id).await;
    }
    finish(&store, lease, done(EVENTS)).await;
    assert_eq!(state(&store, id).await, JobState::Cancelled);
    retry(&store, id).await;
}

/// Success, failure and cancel alike.
pub async fn every_end_can_be_retried(store: impl Fixture) {
    for outcome in [Some(done(EVENTS)), Some(permanent(JobError::INTERNAL)), None] {
        let id = accept(&store, submit(&store, 1)).await.id;
        match outcome {
            Some(outcome) => drop(work(&store, task(id, 0), outcome).await),
            None => drop(cancel(&store, id).await),
        }
        let again = retry(&store, id).await;
        assert_eq!(
            work(&store, task(again.id, 0), done(EVENTS)).await.1,
            JobState::Succeeded
        );
    }
}

/// The deadline counts from the retry, and what has not ended by then is awaited again.
pub async fn a_retry_of_a_report_has_a_deadline_and_waits_of_its_own(store: impl Fixture) {
    let awaited = accept(&store, submit(&store, 1)).await.id;
    let request = ReportRequest {
        after: vec![awaited],
        deadline_s: 90,
        ..ReportRequest::default()
    };
    let new = NewJob {
        request: JobRequest::Report(request),
        ..report(&store, &[])
    };
    let id = accept(&store, new).await.id;
    let deadline = Duration::from_secs(90);
    store.clock().pass(deadline);
    let expired = store.rescue().expire_reports().await.expect("answers");
    assert_eq!(expired.tasks, 1);
    assert_eq!(
        job(&store, id).await.error.map(|error| error.code),
        Some(JobError::NOT_CAUGHT_UP)
    );
    let again = retry(&store, id).await.id;
    work(&store, task(again, 0), park_on_jobs()).await;
    store.clock().pass(deadline - MOMENT);
    assert_eq!(store.rescue().expire_reports().await.expect("answers").tasks, 0);
    work(&store, task(awaited, 0), done(EVENTS)).await;
    assert_eq!(due_tasks(&store, REPORTS).await, [task(again, 0)]);
}

/// A retry takes a key like every request that makes a job, and the very same retry is answered with its job (P3).
pub async fn the_same_key_makes_no_second_retry(store: impl Fixture) {
    let id = accept(&store, submit(&store, 1)).await.id;
    cancel(&store, id).await;
    let first = NewRetry {
        key: Some(key_use("k", 1)),
        ..new_retry(&store, id)
    };
    let made = made_of(store.control().retry(first.clone()).await);
    assert_eq!(made_of(store.control().retry(first).await), made);
    let second = NewRetry {
        key: Some(key_use("k", 1)),
        ..new_retry(&store, id)
    };
    match store.control().retry(second).await {
        Ok(RetryOutcome::KeyKept(kept)) => assert_eq!(kept.job, made.id),
        other => panic!("the key was used: {other:?}"),
    }
}

/// A retry is one more job that has not ended.
pub async fn p4_the_backlog_limit_refuses_retries(store: impl Fixture) {
    let id = accept(&store, submit(&store, 1)).await.id;
    cancel(&store, id).await;
    for _ in 0..BACKLOG_LIMIT {
        accept(&store, submit(&store, 1)).await;
    }
    let refused = store.control().retry(new_retry(&store, id)).await;
    assert!(matches!(refused, Err(StoreError::Busy { .. })), "{refused:?}");
}

/// Unknown and removed are told apart.
pub async fn a_retry_of_what_is_not_there_says_so(store: impl Fixture) {
    let unknown = store.control().retry(new_retry(&store, JobId::generate())).await;
    assert!(matches!(unknown, Ok(RetryOutcome::Unknown)), "{unknown:?}");
    let id = accept(&store, submit(&store, 1)).await.id;
    cancel(&store, id).await;
    store.control().delete(id).await.expect("the store answers");
    let gone = store.control().retry(new_retry(&store, id)).await;
    assert!(matches!(gone, Ok(RetryOutcome::Gone)), "{gone:?}");
}

/// A retry of this job now.
#[must_use]
pub fn new_retry(store: &impl Fixture, of: JobId) -> NewRetry {
    NewRetry {
        of,
        id: JobId::generate(),
        created_at: store.clock().wall(),
        key: None,
        trace: TraceContext::generate(),
    }
}

/// Retries an ended job.
///
/// # Panics
/// When it cannot be retried.
pub async fn retry(store: &impl Fixture, of: JobId) -> JobView {
    made_of(store.control().retry(new_retry(store, of)).await)
}

fn made_of(outcome: Result<RetryOutcome, StoreError>) -> JobView {
    match outcome {
        Ok(RetryOutcome::Made(view)) => *view,
        other => panic!("the job is retried: {other:?}"),
    }
}
