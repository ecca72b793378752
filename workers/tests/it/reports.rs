//! Reports: what they wait for, and when they give up.

use std::time::Duration;

use shared::job::{JobError, JobState, ReportRequest};

use crate::bench::{Bench, Shape};

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
    let parked = |job: &shared::job::JobView| {
        job.state == JobState::Running && job.attempts.iter().all(|attempt| attempt.ended_at.is_some())
    };
    bench.until(report, parked).await;
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
    let submit = bench.submit(Shape::ONE_TASK).await;
    bench.ended(submit).await;
    let fresh = bench.ask(ReportRequest::default()).await;
    bench
        .until(fresh, |job| {
            job.attempts.len() == 1 && job.attempts.iter().all(|attempt| attempt.ended_at.is_some())
        })
        .await;
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
    let submit = bench.submit(Shape::ONE_TASK).await;
    bench.ended(submit).await;
    let report = bench.ask(ReportRequest::default()).await;
    bench
        .until(report, |job| {
            job.attempts.len() == 1 && job.attempts.iter().all(|attempt| attempt.ended_at.is_some())
        })
        .await;
    bench.log.fail_reads(false);
    let report = bench.ended(report).await;
    let counted = report.report.as_ref().map(|report| report.events);
    assert_eq!(counted, Some(Shape::ONE_TASK.total()), "{report:#?}");
}
