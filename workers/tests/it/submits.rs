//! Submits: published, counted, cancelled, backed off, shared.

use std::collections::BTreeSet;
use std::time::Duration;

use shared::job::JobState;
use shared::ports::{AttemptStore, CancelOutcome, JobControl};

use crate::bench::{Bench, Shape};
use crate::process::Process;

#[tokio::test(flavor = "multi_thread")]
async fn a_submit_is_published_and_a_fresh_report_counts_it() {
    let bench = Bench::new().await;
    let _process = bench.start();
    let shape = Shape {
        tasks: 3,
        chunks: 2,
        events: 50,
    };
    let job = bench.submit(shape).await;
    let job = bench.ended(job).await;
    assert_eq!(job.state, JobState::Succeeded);
    assert_eq!(job.progress.published, shape.total());
    let receipts: u64 = job.receipts.iter().map(|receipt| receipt.events).sum();
    assert_eq!(receipts, shape.total());
    let report = bench.report().await;
    assert_eq!((report.users, report.events), (shape.total(), shape.total()));
    assert_eq!(report.rows.len(), 1, "{:?}", report.rows);
}

#[tokio::test(flavor = "multi_thread")]
async fn p17_the_highest_acknowledged_record_of_each_partition_is_kept() {
    let bench = Bench::new().await;
    let _process = bench.start();
    let job = bench.submit(Shape::ONE_TASK).await;
    let job = bench.ended(job).await;
    let marks = bench.store.log_marks().await.unwrap();
    for receipt in &job.receipts {
        let mark = marks.iter().find(|mark| mark.partition == receipt.partition);
        assert_eq!(mark.map(|mark| mark.offset), receipt.last_offset);
    }
    assert_eq!(marks.len(), job.receipts.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_away_costs_time_and_nothing_else() {
    let bench = Bench::new().await;
    bench.log.fail_publishes(3);
    let _process = bench.start();
    let job = bench.submit(Shape::ONE_TASK).await;
    let job = bench.ended(job).await;
    assert_eq!(job.state, JobState::Succeeded);
    let errors: Vec<_> = job
        .attempts
        .iter()
        .filter_map(|attempt| attempt.error.as_deref())
        .collect();
    assert_eq!(errors.len(), 3, "{errors:?}");
    assert!(errors[0].contains("the event log is away"), "{errors:?}");
    assert_eq!(bench.report().await.events, Shape::ONE_TASK.total());
}

#[tokio::test(flavor = "multi_thread")]
async fn p14_a_holder_that_learns_of_a_cancel_stops_between_two_chunks() {
    let bench = Bench::with_lease(Duration::from_secs(3)).await;
    bench.log.hold_answers();
    let _process = bench.start();
    let shape = Shape {
        tasks: 1,
        chunks: 4,
        events: 10,
    };
    let id = bench.submit(shape).await;
    bench.log.published(1).await;
    let cancelled = bench.store.cancel(id).await.unwrap();
    assert!(matches!(cancelled, CancelOutcome::Cancelling(_)), "{cancelled:?}");
    bench.watched.holder_told_of_cancel().await;
    bench.log.release_answers();
    let job = bench.ended(id).await;
    assert_eq!(job.state, JobState::Cancelled);
    assert_eq!(bench.log.publishes(), 1, "it went on after the cancel");
    assert_eq!(job.progress.published, 10);
    // What is in the log is counted, though its job was cancelled.
    assert_eq!(bench.report().await.events, 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn p6_a_store_that_is_busy_loses_neither_a_claim_nor_an_outcome() {
    let bench = Bench::new().await;
    bench.watched.fail_claims(2);
    bench.watched.fail_finishes(2);
    let _process = bench.start();
    let id = bench.submit(Shape::ONE_TASK).await;
    let job = bench.ended(id).await;
    assert_eq!((job.state, job.attempts.len()), (JobState::Succeeded, 1));
    assert_eq!(bench.log.records().await, Shape::ONE_TASK.total());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_share_the_tasks_of_one_job() {
    let bench = Bench::new().await;
    // Nobody finishes before the other has had its turn.
    bench.log.hold_answers();
    let processes = [Process::start(&bench, 3), Process::start(&bench, 3)];
    let shape = Shape {
        tasks: 6,
        chunks: 1,
        events: 10,
    };
    let id = bench.submit(shape).await;
    bench.all_in_the_log(shape.total()).await;
    bench.log.release_answers();
    let job = bench.ended(id).await;
    assert_eq!(job.state, JobState::Succeeded);
    let worked: BTreeSet<_> = job
        .attempts
        .iter()
        .map(|attempt| attempt.worker.as_str())
        .collect();
    let started: BTreeSet<_> = processes
        .iter()
        .map(|process| process.worker.0.as_str())
        .collect();
    assert_eq!(worked, started);
    assert_eq!(bench.report().await.events, shape.total());
}
