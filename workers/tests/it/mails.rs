//! Mails: each recipient gets one, whoever is refused or comes late, and the job says what became of it.

use shared::job::{JobError, JobId, JobState, ReportRequest};
use shared::ports::{JobControl, MailLedger, NewRetry, RetryOutcome};
use shared::wire::TraceContext;

use crate::bench::{Bench, Shape};

/// A report for these recipients, once its job has ended.
async fn mailed(bench: &Bench, to: &[&str]) -> JobId {
    let request = ReportRequest {
        mail_to: to.iter().map(|to| to.parse().unwrap()).collect(),
        ..ReportRequest::default()
    };
    let id = bench.ask(request).await;
    bench.ended(id).await;
    id
}

/// Everybody whose server took a mail, in order.
fn got(bench: &Bench) -> Vec<String> {
    let taken = bench.mailer.taken().into_iter();
    taken.flat_map(|(_, to)| to).map(|to| to.to_string()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_recipient_gets_one_mail_with_the_counts() {
    let bench = Bench::new().await;
    let _process = bench.start();
    bench.submit(Shape::ONE_TASK).await;
    let id = mailed(
        &bench,
        &["ann@example.com", "later@example.com", "bob@example.com"],
    )
    .await;
    let job = bench.job(id).await;
    assert_eq!(job.state, JobState::Succeeded, "{job:#?}");
    let mut got = got(&bench);
    got.sort();
    assert_eq!(got, ["ann@example.com", "bob@example.com", "later@example.com"]);
    let letters = bench.mailer.taken();
    assert!(
        letters.iter().all(|(letter, _)| *letter == letters[0].0),
        "every try is the same mail"
    );
    assert_eq!(letters[0].0.id, format!("report.{id}"));
    assert!(
        job.attempts
            .iter()
            .any(|attempt| attempt.task == 1 && attempt.error.is_some()),
        "{job:#?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_recipient_fails_the_mail_and_nobody_elses() {
    let bench = Bench::new().await;
    let _process = bench.start();
    let id = mailed(
        &bench,
        &["refuse@example.com", "ann@example.com", "eve@elsewhere.org"],
    )
    .await;
    let job = bench.job(id).await;
    assert_eq!(job.state, JobState::PartiallySucceeded);
    let error = job.error.unwrap();
    assert_eq!(error.code, JobError::MAIL_REFUSED);
    assert!(error.detail.contains("2 of 3 recipients"), "{}", error.detail);
    assert!(job.report.is_some());
    assert_eq!(got(&bench), ["ann@example.com"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_mails_to_those_who_have_not_got_it() {
    let bench = Bench::new().await;
    let _process = bench.start();
    let id = mailed(&bench, &["ann@example.com", "refuse@example.com"]).await;
    let retry = NewRetry {
        of: id,
        id: JobId::generate(),
        created_at: shared::time::Timestamp::MIN,
        key: None,
        trace: TraceContext::generate(),
    };
    let RetryOutcome::Made(again) = bench.store.retry(retry).await.unwrap() else {
        panic!("an ended job is retried");
    };
    bench.nudge();
    let again = bench.ended(again.id).await;
    assert_eq!(again.state, JobState::PartiallySucceeded, "{again:#?}");
    assert_eq!(
        got(&bench),
        ["ann@example.com"],
        "the first one is not bothered again"
    );
    assert_eq!(bench.store.mailed(id).await.unwrap().len(), 1);
}
