//! The mail of a report: a second task that follows the first, and who has got it (P7, P22, P23).

use std::time::Duration;

use super::build::{REPORTS, permanent, report, reported, task, transient};
use super::fixture::{Fixture, RETENTION};
use super::retry::retry;
use super::steps::{accept, cancel, claim, due_tasks, finish, job, state, work};
use crate::job::{JobError, JobId, JobRequest, JobState, Lease, ReportRequest, TaskState};
use crate::mail::MailAddress;
use crate::ports::{NewJob, Outcome};

const MAIL: u32 = ReportRequest::MAIL_TASK;

/// The job goes on until its mail is out, and its report can be read meanwhile.
pub async fn p7_the_mail_follows_the_report_in_one_transaction(mut store: impl Fixture) {
    let id = accept(&store, mailed_report(&store)).await.id;
    let lease = claim(&store, task(id, 0)).await.lease;
    let finished = finish(&store, lease, reported(&store)).await;
    assert_eq!(
        (finished.task, finished.job),
        (Some(TaskState::Succeeded), Some(JobState::Running))
    );
    assert_eq!(finished.woke, [REPORTS]);
    store.reopen();
    assert_eq!(due_tasks(&store, REPORTS).await, [task(id, MAIL)]);
    assert!(job(&store, id).await.report.is_some());
    assert_eq!(
        work(&store, task(id, MAIL), Outcome::Mailed).await,
        (TaskState::Succeeded, JobState::Succeeded)
    );
}

/// What nobody asked to mail ends with its report.
pub async fn a_report_without_recipients_has_no_mail(store: impl Fixture) {
    let id = accept(&store, report(&store, &[])).await.id;
    assert_eq!(
        work(&store, task(id, 0), reported(&store)).await.1,
        JobState::Succeeded
    );
    assert!(due_tasks(&store, REPORTS).await.is_empty());
}

/// A mail that was refused leaves the report, and says why.
pub async fn a_refused_mail_leaves_the_report(store: impl Fixture) {
    let id = made(&store).await;
    let end = work(&store, task(id, MAIL), permanent(JobError::MAIL_REFUSED)).await;
    assert_eq!(end, (TaskState::Failed, JobState::PartiallySucceeded));
    let view = job(&store, id).await;
    assert_eq!(view.error.map(|error| error.code), Some(JobError::MAIL_REFUSED));
    assert!(view.report.is_some());
}

/// A report that fails has no mail to give up.
pub async fn a_report_that_fails_is_not_mailed(store: impl Fixture) {
    let id = accept(&store, mailed_report(&store)).await.id;
    let end = work(&store, task(id, 0), permanent(JobError::INTERNAL)).await;
    assert_eq!(end, (TaskState::Failed, JobState::Failed));
    assert!(due_tasks(&store, REPORTS).await.is_empty());
}

/// A cancel takes the mail along, and what was counted with it.
pub async fn p14_a_cancelled_report_is_not_mailed(store: impl Fixture) {
    let early = accept(&store, mailed_report(&store)).await.id;
    let lease = claim(&store, task(early, 0)).await.lease;
    cancel(&store, early).await;
    let finished = finish(&store, lease, reported(&store)).await;
    assert_eq!(finished.job, Some(JobState::Cancelled));
    let late = made(&store).await;
    cancel(&store, late).await;
    for id in [early, late] {
        let view = job(&store, id).await;
        assert_eq!((view.state, view.report), (JobState::Cancelled, None));
    }
    assert!(due_tasks(&store, REPORTS).await.is_empty());
}

/// The deadline of the mail counts from the report, and its end has a code of its own.
pub async fn p22_a_mail_that_is_not_taken_in_time_says_so(store: impl Fixture) {
    let id = accept(&store, mailed_report(&store)).await.id;
    let second = Duration::from_secs(1);
    store.clock().pass(89 * second);
    work(&store, task(id, 0), reported(&store)).await;
    work(&store, task(id, MAIL), transient("greylisted")).await;
    store.clock().pass(89 * second);
    assert_eq!(store.rescue().expire_reports().await.expect("answers").tasks, 0);
    store.clock().pass(second);
    assert_eq!(store.rescue().expire_reports().await.expect("answers").tasks, 1);
    let view = job(&store, id).await;
    assert_eq!(view.state, JobState::PartiallySucceeded);
    assert_eq!(
        view.error.map(|error| error.code),
        Some(JobError::MAIL_UNDELIVERED)
    );
}

/// Who has got a mail stays known over attempts, processes and retries, also from one whose lease is lost by then.
pub async fn who_has_got_a_mail_is_known_to_its_retries(mut store: impl Fixture) {
    let id = made(&store).await;
    let lease = claim(&store, task(id, MAIL)).await.lease;
    for _ in 0..2 {
        assert!(note(&store, lease, "ann@example.com").await);
    }
    finish(&store, lease, permanent(JobError::MAIL_REFUSED)).await;
    assert!(
        !note(&store, lease, "bob@example.com").await,
        "the lease is no longer ours"
    );
    store.reopen();
    let again = retry(&store, id).await.id;
    assert_eq!(
        due_tasks(&store, REPORTS).await,
        [task(again, 0)],
        "the mail follows the report anew"
    );
    work(&store, task(again, 0), reported(&store)).await;
    let claimed = claim(&store, task(again, MAIL)).await;
    assert_eq!(claimed.root, id);
    assert_eq!(
        store.mails().mailed(id).await.expect("answers"),
        [address("ann@example.com"), address("bob@example.com")]
    );
    finish(&store, claimed.lease, Outcome::Mailed).await;
    assert_eq!(state(&store, again).await, JobState::Succeeded);
}

/// The last job of a chain of retries takes along who has got its mail.
pub async fn p23_who_has_got_a_mail_is_forgotten_with_the_last_job(store: impl Fixture) {
    let id = made(&store).await;
    let lease = claim(&store, task(id, MAIL)).await.lease;
    assert!(note(&store, lease, "ann@example.com").await);
    finish(&store, lease, Outcome::Mailed).await;
    let again = retry(&store, id).await.id;
    work(&store, task(again, 0), permanent(JobError::INTERNAL)).await;
    store.control().delete(id).await.expect("answers");
    assert_eq!(store.mails().mailed(id).await.expect("answers").len(), 1);
    store.clock().pass(RETENTION + Duration::from_secs(1));
    store.retention().purge(10).await.expect("answers");
    assert!(store.mails().mailed(id).await.expect("answers").is_empty());
}

async fn note(store: &impl Fixture, lease: Lease, to: &str) -> bool {
    let noted = store.mails().note_mailed(lease, vec![address(to)]).await;
    noted.expect("the store answers")
}

async fn made(store: &impl Fixture) -> JobId {
    let id = accept(store, mailed_report(store)).await.id;
    work(store, task(id, 0), reported(store)).await;
    id
}

fn mailed_report(store: &impl Fixture) -> NewJob {
    let request = ReportRequest {
        mail_to: vec![address("ann@example.com"), address("bob@example.com")],
        deadline_s: 90,
        ..ReportRequest::default()
    };
    NewJob {
        request: JobRequest::Report(request),
        ..report(store, &[])
    }
}

fn address(text: &str) -> MailAddress {
    text.parse().expect("tests know what an address is")
}
