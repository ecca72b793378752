//! Reports: what they wait for, and when they give up.

use std::time::Duration;

use shared::job::{JobError, JobId, JobState, JobView, ReportRequest, Role, WorkerId};
use shared::ports::{Clock, EventLog, FoldBatch, FoldPosition, Projection};

use crate::bench::{Bench, Shape};
use crate::process::Process;

/// A fresh report of a submit that ended and was not folded, once it is parked.
async fn parked_report(bench: &Bench) -> JobId {
    let submit = bench.submit(Shape::ONE_TASK).await;
    bench.ended(submit).await;
    let report = bench.ask(ReportRequest::default()).await;
    bench.until(report, waits).await;
    report
}

/// Whether a job was tried, and holds no worker now.
fn waits(job: &JobView) -> bool {
    job.state == JobState::Running && job.attempts.iter().all(|attempt| attempt.ended_at.is_some())
}

#[tokio::test(flavor = "multi_thread")]
async fn few_reports_are_made_before_they_are_written_and_spans_do_not_count_among_them() {
    const AT_A_TIME: usize = 32;
    let bench = Bench::new().await;
    bench.watched.hold_finishes(true);
    let _process = Process::with_roles(&bench, 200, vec![Role::UserStats]);
    let plain = ReportRequest {
        fresh: false,
        ..ReportRequest::default()
    };
    let mut asked = Vec::new();
    for _ in 0..3 * AT_A_TIME {
        asked.push(bench.ask(plain.clone()).await);
    }
    for report in &asked {
        bench.until(*report, |job| job.state == JobState::Running).await;
    }
    bench.watched.held(|held| held.len() >= AT_A_TIME).await;
    let of_span = ReportRequest {
        from: Some(bench.clock.wall()),
        ..plain
    };
    let of_span = bench.ask(of_span).await;
    let held = bench.watched.held(|held| held.contains(&of_span)).await;
    assert_eq!(held.len(), AT_A_TIME + 1);
    bench.watched.hold_finishes(false);
    for report in asked {
        assert_eq!(bench.ended(report).await.state, JobState::Succeeded);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p22_a_report_after_a_job_waits_for_its_end_and_includes_it() {
    let bench = Bench::new().await;
    bench.log.hold_answers();
    let _process = bench.start();
    let submit = bench.submit(Shape::ONE_TASK).await;
    bench.log.published(1).await;
    let request = ReportRequest {
        after: vec![submit],
        fresh: false,
        ..ReportRequest::default()
    };
    let report = bench.ask(request).await;
    bench.until(report, waits).await;
    bench.log.release_answers();
    let report = bench.ended(report).await;
    let counted = report.report.as_ref().map(|report| report.events);
    assert_eq!(counted, Some(Shape::ONE_TASK.total()), "{report:#?}");
    assert!(bench.job(submit).await.state.is_terminal());
}

#[tokio::test(flavor = "multi_thread")]
async fn p22_a_report_that_cannot_be_caught_up_parks_and_fails_at_its_deadline() {
    let bench = Bench::new().await;
    bench.log.fail_reads(true);
    let _process = bench.start();
    let fresh = parked_report(&bench).await;
    let stale = ReportRequest {
        fresh: false,
        ..ReportRequest::default()
    };
    let stale = bench.ask(stale).await;
    let stale = bench.ended(stale).await;
    assert_eq!(stale.report.map(|report| report.events), Some(0));
    let deadline = u64::from(ReportRequest::DEFAULT_DEADLINE_S);
    bench.clock.pass(Duration::from_secs(deadline + 1));
    let fresh = bench.ended(fresh).await;
    assert_eq!(fresh.state, JobState::Failed);
    assert_eq!(fresh.error.map(|error| error.code), Some(JobError::NOT_CAUGHT_UP));
}

#[tokio::test(flavor = "multi_thread")]
async fn p22_a_parked_report_goes_on_when_the_projector_passes_its_bound() {
    let bench = Bench::new().await;
    bench.log.fail_reads(true);
    let _process = bench.start();
    let report = parked_report(&bench).await;
    bench.log.fail_reads(false);
    let report = bench.ended(report).await;
    let counted = report.report.as_ref().map(|report| report.events);
    assert_eq!(counted, Some(Shape::ONE_TASK.total()), "{report:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn p22_the_rescuer_looks_once_more_before_it_fails_a_late_report() {
    let bench = Bench::new().await;
    bench.log.fail_reads(true);
    let first = bench.start();
    let report = parked_report(&bench).await;
    first.stopped().await;
    // A projector passes the bound and dies before it wakes anybody; then the deadline passes.
    let ttl = Duration::from_secs(1);
    let dead = WorkerId("dead".to_owned());
    let lease = bench
        .projection
        .hold_projector(&dead, ttl)
        .await
        .unwrap()
        .unwrap();
    let from = bench.projection.positions().await.unwrap();
    let ends = bench.log.ends().await.unwrap();
    let to = ends.iter().map(|end| FoldPosition {
        partition: end.partition,
        next_offset: end.next_offset,
        last: None,
    });
    let batch = FoldBatch {
        from,
        to: to.collect(),
        ..FoldBatch::default()
    };
    bench.projection.fold(&lease, batch).await.unwrap();
    bench.clock.pass(Duration::from_secs(
        u64::from(ReportRequest::DEFAULT_DEADLINE_S) + 1,
    ));
    let _second = bench.start();
    let report = bench.ended(report).await;
    assert_eq!(report.state, JobState::Succeeded, "{report:#?}");
}
