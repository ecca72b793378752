//! The log is checked, not trusted: another log, and records that cannot be counted.

use bytes::Bytes;
use shared::job::{JobError, JobState, JobView, ReportRequest};
use shared::ports::{AttemptStore, EventLog, LogRecord, LogStanding, LogStop, Standing};
use shared::time::Timestamp;

use crate::bench::{Bench, Shape};

fn record(type_name: &str) -> LogRecord {
    LogRecord {
        key: Bytes::from_static(b"somebody"),
        headers: vec![("ce_type", type_name.to_owned().into())],
        value: Bytes::from_static(b"{}"),
    }
}

async fn publish(bench: &Bench, records: Vec<LogRecord>) {
    for delivery in bench.log.publish(records).await {
        delivery.unwrap();
    }
}

fn code(job: &JobView) -> Option<&'static str> {
    job.error.as_ref().map(|error| error.code)
}

#[tokio::test(flavor = "multi_thread")]
async fn p19_a_foreign_record_goes_into_quarantine_and_the_rest_is_counted() {
    let bench = Bench::new().await;
    publish(
        &bench,
        vec![record("orders.placed"), record("census.user-event.v1")],
    )
    .await;
    let _process = bench.start();
    let id = bench.submit(Shape::ONE_TASK).await;
    bench.ended(id).await;
    let report = bench.report().await;
    assert_eq!((report.events, report.quarantined), (Shape::ONE_TASK.total(), 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn p19_a_newer_record_stops_the_projector_and_fails_who_waits_for_it() {
    let bench = Bench::new().await;
    publish(&bench, vec![record("census.user-event.v2")]).await;
    let _process = bench.start();
    let fresh = bench.ask(ReportRequest::default()).await;
    let fresh = bench.ended(fresh).await;
    assert_eq!(code(&fresh), Some(JobError::QUARANTINED_NEWER), "{fresh:#?}");
    let stale = ReportRequest {
        fresh: false,
        ..ReportRequest::default()
    };
    let stale = bench.ask(stale).await;
    assert_eq!(bench.ended(stale).await.state, JobState::Succeeded);
}

#[tokio::test(flavor = "multi_thread")]
async fn p17_an_empty_log_in_the_place_of_the_old_one_is_noticed_while_running() {
    let bench = Bench::new().await;
    let _process = bench.start();
    let id = bench.submit(Shape::ONE_TASK).await;
    bench.ended(id).await;
    bench.report().await;
    bench.replace_log();
    let fresh = bench.ask(ReportRequest::default()).await;
    let fresh = bench.ended(fresh).await;
    assert_eq!(code(&fresh), Some(JobError::LOG_DIVERGED), "{fresh:#?}");
    let stale = ReportRequest {
        fresh: false,
        ..ReportRequest::default()
    };
    let stale = bench.ask(stale).await;
    let stale = bench.ended(stale).await;
    let counted = stale.report.map(|report| report.events);
    assert_eq!(counted, Some(Shape::ONE_TASK.total()));
}

#[tokio::test(flavor = "multi_thread")]
async fn p17_another_log_is_noticed_at_the_start_however_long_it_is() {
    let bench = Bench::new().await;
    let process = bench.start();
    let id = bench.submit(Shape::ONE_TASK).await;
    bench.ended(id).await;
    bench.report().await;
    process.stopped().await;
    bench.replace_log();
    let another = (0..100).map(|n| LogRecord {
        key: Bytes::from(format!("somebody-{n}")),
        ..record("orders.placed")
    });
    publish(&bench, another.collect()).await;
    let records = bench.log.records().await;
    let _process = bench.start();
    let fresh = bench.ask(ReportRequest::default()).await;
    let fresh = bench.ended(fresh).await;
    assert_eq!(code(&fresh), Some(JobError::LOG_DIVERGED), "{fresh:#?}");
    // Nothing is published to it either; the submit is kept until an operator has mended the log.
    let submit = bench.submit(Shape::ONE_TASK).await;
    let held = bench
        .until(submit, |job| {
            job.attempts.iter().any(|attempt| attempt.error.is_some())
        })
        .await;
    let error = held.attempts.iter().find_map(|attempt| attempt.error.as_deref());
    assert!(error.unwrap().contains("the event log has diverged"), "{held:#?}");
    assert_eq!(held.state, JobState::Running);
    assert_eq!(bench.log.records().await, records);
}

#[tokio::test(flavor = "multi_thread")]
async fn p17_a_stop_outlives_the_process_that_told_of_it() {
    let bench = Bench::new().await;
    publish(&bench, vec![record("census.user-event.v2")]).await;
    let process = bench.start();
    let told = bench.standing(|standing| standing.projector.is_some()).await;
    process.kill();
    let stop = told.projector.unwrap();
    assert_eq!(stop.code, JobError::QUARANTINED_NEWER);
    assert!(stop.cause.contains("census.user-event.v2"), "{stop:?}");
    let parked = bench.ask(ReportRequest::default()).await;
    let _process = bench.start();
    let failed = bench.ended(parked).await;
    assert_eq!(code(&failed), Some(JobError::QUARANTINED_NEWER), "{failed:#?}");
    let still = bench.projection.standing().await.unwrap().projector.unwrap();
    assert_eq!(still.since, stop.since);
}

#[tokio::test(flavor = "multi_thread")]
async fn p17_everything_goes_on_without_a_restart_when_the_log_is_restored() {
    let bench = Bench::new().await;
    let process = bench.start();
    let id = bench.submit(Shape::ONE_TASK).await;
    bench.ended(id).await;
    bench.report().await;
    process.stopped().await;
    let old = bench.replace_log();
    publish(&bench, vec![record("orders.placed")]).await;
    let _process = bench.start();
    let held = bench.submit(Shape::ONE_TASK).await;
    bench
        .standing(|standing| standing.projector.is_some() && standing.gate.is_some())
        .await;
    bench.log.replace(old);
    bench.standing(|standing| *standing == Standing::default()).await;
    assert_eq!(bench.ended(held).await.state, JobState::Succeeded);
    assert_eq!(bench.report().await.events, 2 * Shape::ONE_TASK.total());
}

#[tokio::test(flavor = "multi_thread")]
async fn p17_a_gate_that_another_process_has_closed_is_closed_here_too() {
    let bench = Bench::new().await;
    let _process = bench.start();
    let id = bench.submit(Shape::ONE_TASK).await;
    bench.ended(id).await;
    // This process has passed its gate. It would not look at the log again by itself.
    bench.replace_log();
    let stop = LogStop {
        code: JobError::LOG_DIVERGED,
        cause: "another process said so".to_owned(),
        since: Timestamp::from_millis(0),
    };
    bench.projection.close_gate(stop.clone()).await.unwrap();
    let looked = bench
        .standing(|standing| {
            standing
                .gate
                .as_ref()
                .is_some_and(|gate| gate.cause != stop.cause)
        })
        .await;
    assert_eq!(looked.gate.unwrap().since, stop.since);
    let held = bench.submit(Shape::ONE_TASK).await;
    bench
        .until(held, |job| {
            job.attempts.iter().any(|attempt| attempt.error.is_some())
        })
        .await;
    assert_eq!(bench.log.records().await, 0);
    // What repairs a log forgets what the one before had acknowledged.
    bench.store.forget_log_marks().await.unwrap();
    bench.standing(|standing| standing.gate.is_none()).await;
    assert_eq!(bench.ended(held).await.state, JobState::Succeeded);
}
