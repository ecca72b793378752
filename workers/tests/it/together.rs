//! Small submits that one claim brings work together, and each is none the less a job of its own.

use std::time::Duration;

use shared::job::{JobError, JobId, JobState, JobView};
use shared::ports::{CancelOutcome, JobControl, NewJob};

use crate::bench::{Bench, Shape};
use crate::process::Process;

const JOBS: usize = 12;

/// A process that has found its log to be the right one: until then each task works alone.
async fn started(bench: &Bench) -> Process {
    let process = bench.start();
    let first = bench.submit(Shape::ONE_TASK).await;
    bench.ended(first).await;
    process
}

fn jobs(bench: &Bench) -> Vec<NewJob> {
    (0..JOBS).map(|_| bench.new_submit(Shape::ONE_TASK)).collect()
}

/// Jobs of which some are in the log, whose acknowledgements stay out.
async fn unacknowledged(bench: &Bench) -> Vec<JobId> {
    let before = bench.log.publishes();
    bench.log.hold_answers();
    let ids = bench.submit_together(jobs(bench)).await;
    bench.log.published(before + 1).await;
    ids
}

async fn ended(bench: &Bench, ids: &[JobId]) -> Vec<JobView> {
    let mut jobs = Vec::new();
    for id in ids {
        jobs.push(bench.ended(*id).await);
    }
    jobs
}

fn assert_succeeded(job: &JobView) {
    let receipts: u64 = job.receipts.iter().map(|receipt| receipt.events).sum();
    let events = Shape::ONE_TASK.total();
    assert_eq!(
        (job.state, job.progress.published, receipts),
        (JobState::Succeeded, events, events),
        "{job:?}"
    );
}

/// The jobs, and the one with which the process began.
async fn assert_counted_once(bench: &Bench) {
    let events = (JOBS as u64 + 1) * Shape::ONE_TASK.total();
    assert_eq!(bench.report().await.events, events);
}

#[tokio::test(flavor = "multi_thread")]
async fn they_share_a_publish_and_each_has_its_own_receipts() {
    let bench = Bench::new().await;
    let _process = started(&bench).await;
    let before = bench.log.publishes();
    let ids = bench.submit_together(jobs(&bench)).await;
    ended(&bench, &ids).await.iter().for_each(assert_succeeded);
    let publishes = bench.log.publishes() - before;
    assert!((publishes as usize) < JOBS, "{publishes} publishes");
    assert_counted_once(&bench).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p14_a_cancel_ends_one_of_them_and_no_other() {
    let bench = Bench::new().await;
    let _process = started(&bench).await;
    let ids = unacknowledged(&bench).await;
    // One that was published is under way, and so are those that were published with it.
    let mut cancelled = Vec::new();
    for id in &ids[..2] {
        cancelled.push(bench.store.cancel(*id).await.unwrap());
    }
    assert!(
        matches!(
            cancelled[..],
            [CancelOutcome::Cancelling(_), CancelOutcome::Cancelling(_)]
        ),
        "{cancelled:?}"
    );
    bench.log.release_answers();
    let jobs = ended(&bench, &ids).await;
    for job in &jobs[..2] {
        let published = job.progress.published;
        assert_eq!(
            (job.state, published),
            (JobState::Cancelled, Shape::ONE_TASK.total())
        );
    }
    jobs[2..].iter().for_each(assert_succeeded);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_whose_input_cannot_be_read_fails_and_no_other() {
    let bench = Bench::new().await;
    let _process = started(&bench).await;
    let mut jobs = jobs(&bench);
    jobs[3].chunks[0].body = vec![b'{'; 20].into();
    // What is said to be there and is not.
    jobs[5].chunks[0].events -= 1;
    jobs[5].tasks[0].events -= 1;
    let ids = bench.submit_together(jobs).await;
    for (place, job) in ended(&bench, &ids).await.iter().enumerate() {
        if [3, 5].contains(&place) {
            let code = job.error.as_ref().map(|error| error.code);
            assert_eq!((job.state, code), (JobState::Failed, Some(JobError::INTERNAL)));
            assert_eq!(job.progress.published, 0);
        } else {
            assert_succeeded(job);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_away_makes_each_of_them_back_off() {
    let bench = Bench::new().await;
    let _process = started(&bench).await;
    bench.log.fail_publishes(1);
    let ids = bench.submit_together(jobs(&bench)).await;
    let jobs = ended(&bench, &ids).await;
    jobs.iter().for_each(assert_succeeded);
    let backed_off = jobs.iter().filter(|job| job.attempts.len() == 2).count();
    assert!(backed_off > 1, "{backed_off} of them had the same publish");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_panic_each_works_alone() {
    let bench = Bench::new().await;
    let _process = started(&bench).await;
    bench.log.panic_once();
    let ids = bench.submit_together(jobs(&bench)).await;
    for job in ended(&bench, &ids).await {
        assert_succeeded(&job);
        assert_eq!(job.attempts.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outcome_that_cannot_be_written_keeps_no_other_from_it() {
    let bench = Bench::new().await;
    let _process = started(&bench).await;
    bench.watched.hold_finishes(true);
    let ids = bench.submit_together(jobs(&bench)).await;
    bench.watched.held(|held| held.len() == JOBS).await;
    bench.spoil(ids[4]);
    bench.watched.hold_finishes(false);
    let others: Vec<_> = ids.iter().copied().filter(|id| *id != ids[4]).collect();
    ended(&bench, &others).await.iter().for_each(assert_succeeded);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_fails_for_all_of_them_is_asked_for_each() {
    let bench = Bench::new().await;
    let _process = started(&bench).await;
    bench.watched.fail_together();
    let ids = bench.submit_together(jobs(&bench)).await;
    ended(&bench, &ids).await.iter().for_each(assert_succeeded);
}

#[tokio::test(flavor = "multi_thread")]
async fn p15_what_a_dead_process_had_published_of_them_is_counted_once() {
    let bench = Bench::new().await;
    let dead = started(&bench).await;
    let ids = unacknowledged(&bench).await;
    dead.kill();
    bench.log.release_answers();
    bench.clock.pass(bench.lease + Duration::from_secs(1));
    let _alive = bench.start();
    ended(&bench, &ids).await.iter().for_each(assert_succeeded);
    assert_counted_once(&bench).await;
}
