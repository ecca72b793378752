//! The counts are made anew beside running workers, and end the same (P20).

use bytes::Bytes;
use shared::job::{JobState, Report, ReportRequest};
use shared::ports::{EventLog, LogRecord};
use tokio_util::sync::CancellationToken;
use workers::project::RebuildFault;

use crate::bench::{Bench, Shape};

const SHAPE: Shape = Shape {
    tasks: 3,
    chunks: 2,
    events: 50,
};

/// What has to be the same whenever it was asked for.
fn counts(report: Report) -> Report {
    Report {
        generated_at: "2020-01-01T00:00:00Z".parse().unwrap(),
        ..report
    }
}

async fn publish(bench: &Bench, type_name: &str) {
    let record = LogRecord {
        key: Bytes::from_static(b"somebody"),
        headers: vec![("ce_type", type_name.to_owned().into())],
        value: Bytes::from_static(b"{}"),
    };
    for delivery in bench.log.publish(vec![record]).await {
        delivery.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p20_a_rebuild_ends_with_the_same_report_and_the_projector_goes_on_from_it() {
    let bench = Bench::new().await;
    let _process = bench.start();
    publish(&bench, "orders.placed").await;
    let id = bench.submit(SHAPE).await;
    bench.ended(id).await;
    let before = bench.report().await;
    let rebuilt = bench.rebuild(&CancellationToken::new()).await.unwrap();
    assert_eq!(
        (rebuilt.events, rebuilt.duplicates, rebuilt.quarantined),
        (SHAPE.total(), 0, 1)
    );
    assert_eq!(counts(bench.report().await), counts(before));
    let id = bench.submit(SHAPE).await;
    bench.ended(id).await;
    assert_eq!(bench.report().await.events, 2 * SHAPE.total());
}

#[tokio::test(flavor = "multi_thread")]
async fn p20_a_rebuild_under_load_loses_and_doubles_nothing() {
    let bench = Bench::new().await;
    let _process = bench.start();
    let mut submits = Vec::new();
    let loading = async {
        for _ in 0..20 {
            let id = bench.submit(SHAPE).await;
            bench.ended(id).await;
            submits.push(id);
        }
    };
    let never = CancellationToken::new();
    let rebuilding = async {
        for _ in 0..3 {
            bench.rebuild(&never).await.unwrap();
        }
    };
    let ((), ()) = tokio::join!(loading, rebuilding);
    let report = bench.report().await;
    assert_eq!(report.events, submits.len() as u64 * SHAPE.total());
}

#[tokio::test(flavor = "multi_thread")]
async fn p20_a_rebuild_that_is_broken_off_begins_again() {
    let bench = Bench::new().await;
    let process = bench.start();
    let id = bench.submit(SHAPE).await;
    bench.ended(id).await;
    let before = bench.report().await;
    process.stopped().await;
    let shutdown = CancellationToken::new();
    shutdown.cancel();
    let broken_off = bench.rebuild(&shutdown).await;
    assert!(
        matches!(broken_off, Err(RebuildFault::BrokenOff)),
        "{broken_off:?}"
    );
    bench.rebuild(&CancellationToken::new()).await.unwrap();
    let _process = bench.start();
    assert_eq!(counts(bench.report().await), counts(before));
}

#[tokio::test(flavor = "multi_thread")]
async fn p20_an_empty_log_is_rebuilt_at_once() {
    let bench = Bench::new().await;
    let rebuilt = bench.rebuild(&CancellationToken::new()).await.unwrap();
    assert_eq!(rebuilt.events, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn p20_a_log_without_its_beginning_is_not_counted() {
    let bench = Bench::new().await;
    let _process = bench.start();
    let id = bench.submit(SHAPE).await;
    bench.ended(id).await;
    let before = bench.report().await;
    bench.log.lose_beginning();
    let refused = bench.rebuild(&CancellationToken::new()).await.unwrap_err();
    assert!(
        matches!(refused, RebuildFault::NotFromTheStart { .. }),
        "{refused}"
    );
    assert_eq!(counts(bench.report().await), counts(before));
}

#[tokio::test(flavor = "multi_thread")]
async fn p19_a_rebuild_passes_over_no_newer_record() {
    let bench = Bench::new().await;
    publish(&bench, "census.user-event.v2").await;
    let refused = bench.rebuild(&CancellationToken::new()).await.unwrap_err();
    assert!(matches!(refused, RebuildFault::Newer(_)), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn p17_a_rebuild_lets_a_stopped_projector_go_on_without_a_restart() {
    let bench = Bench::new().await;
    let _process = bench.start();
    let id = bench.submit(SHAPE).await;
    bench.ended(id).await;
    bench.report().await;
    bench.replace_log();
    // Whether reading on or a report notices it first.
    let fresh = bench.ask(ReportRequest::default()).await;
    bench.ended(fresh).await;
    bench.rebuild(&CancellationToken::new()).await.unwrap();
    let report = bench.report().await;
    assert_eq!(report.events, 0);
    let id = bench.submit(SHAPE).await;
    assert_eq!(bench.ended(id).await.state, JobState::Succeeded);
    assert_eq!(bench.report().await.events, SHAPE.total());
}
