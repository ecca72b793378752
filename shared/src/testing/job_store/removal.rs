//! Removal: by request or past the retention, with the input only after its last job (P2, P23).

use std::time::Duration;

use super::build::{EVENTS, chunk, done, reject, report, reported, submit, task};
use super::fixture::{Fixture, RETENTION, TOMBSTONES};
use super::retry::retry;
use super::steps::{accept, cancel, claim_any, due_tasks, job, work};
use crate::job::{JobFilter, JobId, JobKind};
use crate::ports::{CancelOutcome, DeleteOutcome, JobLookup, NewJob, Purged};

const MOMENT: Duration = Duration::from_millis(1);

/// Every way to the job says that it is gone; the others are as they were.
pub async fn a_deleted_job_is_gone(mut store: impl Fixture) {
    let id = ended(&store).await;
    let other = ended(&store).await;
    let kept = job(&store, other).await;
    assert_eq!(delete(&store, id).await, DeleteOutcome::Deleted);
    store.reopen();
    assert_eq!(lookup(&store, id).await, JobLookup::Gone);
    assert_eq!(delete(&store, id).await, DeleteOutcome::Gone);
    let cancelled = store.control().cancel(id).await;
    assert!(matches!(cancelled, Ok(CancelOutcome::Gone)), "{cancelled:?}");
    assert_eq!(store.reader().unknown(&[id]).await.expect("answers"), [id]);
    let listed = store.reader().list(&JobFilter::default(), None, 10).await;
    let listed: Vec<_> = listed.expect("answers").jobs.iter().map(|job| job.id).collect();
    assert_eq!(listed, [other]);
    assert_eq!(claim_any(&store, &[task(id, 0)]).await.len(), 0);
    assert_eq!(job(&store, other).await, kept);
    let rows = store.reader().report_rows(id, 0, 10).await.expect("answers");
    assert_eq!(rows, []);
}

/// It stays as it is, and what never was is unknown.
pub async fn a_job_that_has_not_ended_is_not_deleted(store: impl Fixture) {
    let id = accept(&store, submit(&store, 1)).await.id;
    let before = job(&store, id).await;
    assert_eq!(delete(&store, id).await, DeleteOutcome::NotEnded);
    assert_eq!(job(&store, id).await, before);
    assert_eq!(due_tasks(&store, JobKind::Submit.queue()).await, [task(id, 0)]);
    assert_eq!(delete(&store, JobId::generate()).await, DeleteOutcome::Unknown);
}

/// The root goes first, and its retry goes on with what it had; a retry of the retry as well.
pub async fn p23_input_and_rejects_stay_while_a_job_refers_to_them(store: impl Fixture) {
    let root = accept(&store, with_input(&store)).await.id;
    cancel(&store, root).await;
    let first = retry(&store, root).await.id;
    assert_eq!(delete(&store, root).await, DeleteOutcome::Deleted);
    purge_all(&store).await;
    assert!(has_input(&store, first).await);
    cancel(&store, first).await;
    let second = retry(&store, first).await.id;
    assert_eq!(delete(&store, first).await, DeleteOutcome::Deleted);
    purge_all(&store).await;
    assert!(has_input(&store, second).await);
    let rejects = store.reader().rejects(second, 0, 10).await.expect("answers");
    assert_eq!(rejects.len(), 1);
    let claimed = claim_any(&store, &[task(second, 0)]).await;
    assert_eq!(claimed[0].root, root, "event ids do not change");
}

/// A retry that goes first takes nothing along; whoever goes last does.
pub async fn p23_the_last_job_takes_its_input_along(store: impl Fixture) {
    let root = accept(&store, with_input(&store)).await.id;
    cancel(&store, root).await;
    let again = retry(&store, root).await.id;
    cancel(&store, again).await;
    delete(&store, again).await;
    purge_all(&store).await;
    assert!(has_input(&store, root).await);
    delete(&store, root).await;
    purge_all(&store).await;
    let purged = store.retention().purge(10).await.expect("answers");
    assert_eq!(purged, Purged::default());
    assert!(!has_input(&store, root).await);
}

/// Only what has ended and is old enough goes, a bounded number at a time, without a trace but its tombstone.
pub async fn jobs_past_their_retention_are_purged_oldest_first(store: impl Fixture) {
    let open = accept(&store, submit(&store, 1)).await.id;
    let first = ended(&store).await;
    store.clock().pass(MOMENT);
    let second = ended(&store).await;
    store.clock().pass(RETENTION - MOMENT - MOMENT);
    assert_eq!(purge(&store, 10).await.jobs, 0);
    store.clock().pass(MOMENT);
    let purged = purge(&store, 10).await;
    assert_eq!(purged.jobs, 1, "{purged:?}");
    assert_eq!(lookup(&store, first).await, JobLookup::Gone);
    let third = ended(&store).await;
    store.clock().pass(RETENTION);
    let purged = purge(&store, 1).await;
    assert!(purged.jobs == 1 && purged.more, "{purged:?}");
    assert_eq!(lookup(&store, second).await, JobLookup::Gone);
    assert!(matches!(lookup(&store, third).await, JobLookup::Found(_)));
    purge_all(&store).await;
    assert_eq!(lookup(&store, third).await, JobLookup::Gone);
    assert!(matches!(lookup(&store, open).await, JobLookup::Found(_)));
}

/// After that time nobody has ever heard of the job.
pub async fn a_tombstone_is_forgotten_in_time(store: impl Fixture) {
    let id = ended(&store).await;
    delete(&store, id).await;
    store.clock().pass(TOMBSTONES - MOMENT);
    purge_all(&store).await;
    assert_eq!(lookup(&store, id).await, JobLookup::Gone);
    store.clock().pass(MOMENT);
    purge_all(&store).await;
    assert_eq!(lookup(&store, id).await, JobLookup::Unknown);
}

/// A delete is flushed.
pub async fn p2_what_was_deleted_stays_deleted_under_another_boot(mut store: impl Fixture) {
    let id = ended(&store).await;
    delete(&store, id).await;
    store.reopen_under_another_boot();
    assert_eq!(lookup(&store, id).await, JobLookup::Gone);
}

async fn ended(store: &impl Fixture) -> JobId {
    let submitted = accept(store, submit(store, 1)).await.id;
    work(store, task(submitted, 0), done(EVENTS)).await;
    let asked = accept(store, report(store, &[])).await.id;
    work(store, task(asked, 0), reported(store)).await;
    delete(store, submitted).await;
    asked
}

fn with_input(store: &impl Fixture) -> NewJob {
    NewJob {
        chunks: vec![chunk(0, 0)],
        rejects: vec![reject(7)],
        received: EVENTS + 1,
        rejected: 1,
        ..submit(store, 1)
    }
}

async fn has_input(store: &impl Fixture, id: JobId) -> bool {
    let chunk = store.attempts().input(task(id, 0), 0).await;
    chunk.expect("the store answers").is_some()
}

async fn delete(store: &impl Fixture, id: JobId) -> DeleteOutcome {
    store.control().delete(id).await.expect("the store answers")
}

async fn lookup(store: &impl Fixture, id: JobId) -> JobLookup {
    store.reader().job(id, 10).await.expect("the store answers")
}

async fn purge(store: &impl Fixture, limit: usize) -> Purged {
    store.retention().purge(limit).await.expect("the store answers")
}

async fn purge_all(store: &impl Fixture) {
    while purge(store, 10).await.more {}
}
