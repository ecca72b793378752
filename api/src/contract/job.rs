//! A job as callers see it. Absent members are absent, never `null`.

use std::collections::BTreeMap;

use poem_openapi::{Enum, Object};
use serde::Serialize;
use serde_with::skip_serializing_none;
use shared::job::{Attempt, JobKind, JobRequest, JobState, JobView, Labels, Progress, Receipt};
use uuid::Uuid;

use super::schedule::addresses;
use super::{JobSchedule, Moment, Problem, ReportResult, integer};

/// What was asked for, where it stands, and what came of it.
#[skip_serializing_none]
#[derive(Clone, Debug, Object, Serialize)]
#[oai(skip_serializing_if_is_none)]
pub struct Job {
    /// The job's id.
    pub id: Uuid,
    /// `submit`, `report`, `cancel` or `retry`; more may come.
    pub kind: String,
    /// Where the job stands.
    pub state: JobStateName,
    /// Starts at 1 and rises with each visible change.
    pub revision: i64,
    /// What its caller called it.
    pub labels: Option<BTreeMap<String, String>>,
    /// The job that this one repeats.
    pub retry_of: Option<Uuid>,
    /// When it was accepted.
    pub created_at: Moment,
    /// When work on it began.
    pub started_at: Option<Moment>,
    /// When it ended; nothing changes after that.
    pub ended_at: Option<Moment>,
    /// When it may be removed.
    pub expires_at: Option<Moment>,
    /// Counts of a submit.
    pub progress: Option<JobProgress>,
    /// What a bulk job did.
    pub bulk: Option<JobBulk>,
    /// Where the events of a submit stand in the log, one for each partition; absent in lists.
    pub receipts: Option<Vec<JobReceipt>>,
    /// The last ten attempts, oldest first; absent in lists.
    pub attempts: Option<Vec<JobAttempt>>,
    /// The slot of the schedule that the report was made for.
    pub schedule: Option<JobSchedule>,
    /// Who gets the report by mail. While it is sent the job goes on, and its report can be seen already.
    pub mail_to: Option<Vec<String>>,
    /// The result of a report.
    pub report: Option<ReportResult>,
    /// Why it did not do what was asked.
    pub error: Option<Problem>,
    /// What is possible now.
    pub links: Links,
}

/// How much of a job is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// Everything.
    Whole,
    /// Without report rows, receipts and attempts.
    Listed,
}

impl Job {
    /// The representation of a job; `public_url` prefixes its links.
    #[must_use]
    pub fn new(view: &JobView, shown: Shown, public_url: Option<&str>) -> Self {
        let kind = view.request.kind();
        let whole = shown == Shown::Whole;
        let of_report = match &view.request {
            JobRequest::Report(report) => Some(report),
            JobRequest::Submit(_) | JobRequest::Cancel(_) | JobRequest::Retry(_) => None,
        };
        let of_submit = kind == JobKind::Submit;
        Self {
            id: view.id.0,
            kind: kind.as_str().to_owned(),
            state: view.state.into(),
            revision: integer(view.revision),
            labels: (!view.labels.is_empty()).then(|| owned(&view.labels)),
            retry_of: view.retry_of.map(|id| id.0),
            created_at: Moment(view.created_at),
            started_at: view.started_at.map(Moment),
            ended_at: view.ended_at.map(Moment),
            expires_at: view.expires_at.map(Moment),
            progress: of_submit.then(|| view.progress.into()),
            bulk: kind.is_bulk().then(|| JobBulk::from(view.progress)),
            receipts: (of_submit && whole).then(|| view.receipts.iter().map(JobReceipt::from).collect()),
            attempts: whole.then(|| view.attempts.iter().map(JobAttempt::from).collect()),
            schedule: of_report
                .and_then(|report| report.schedule)
                .map(JobSchedule::from),
            mail_to: of_report
                .filter(|report| !report.mail_to.is_empty())
                .map(|report| addresses(&report.mail_to)),
            report: view.report.as_ref().map(|report| match shown {
                Shown::Whole => ReportResult::with_rows(report),
                Shown::Listed => ReportResult::head(report),
            }),
            error: view.error.as_ref().map(Problem::of_job),
            links: Links::new(view, public_url),
        }
    }
}

fn owned(labels: &Labels) -> BTreeMap<String, String> {
    let labels = labels.iter();
    labels
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

/// The state of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum, Serialize)]
#[oai(rename = "JobState", rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum JobStateName {
    /// Accepted; work has not begun.
    Queued,
    /// Work has begun.
    Running,
    /// A cancel was asked for while a worker was busy with it.
    Cancelling,
    /// Everything took effect.
    Succeeded,
    /// Some events were rejected or some tasks failed; the rest took effect.
    PartiallySucceeded,
    /// What was asked for did not happen.
    Failed,
    /// Stopped by request.
    Cancelled,
}

macro_rules! same_states {
    ($($state:ident),+) => {
        impl From<JobState> for JobStateName {
            fn from(state: JobState) -> Self {
                match state { $(JobState::$state => Self::$state),+ }
            }
        }

        impl From<JobStateName> for JobState {
            fn from(state: JobStateName) -> Self {
                match state { $(JobStateName::$state => Self::$state),+ }
            }
        }
    };
}
same_states!(
    Queued,
    Running,
    Cancelling,
    Succeeded,
    PartiallySucceeded,
    Failed,
    Cancelled
);

/// Counts of a submit.
#[derive(Clone, Copy, Debug, Object, Serialize)]
pub struct JobProgress {
    /// Records of the input: blank lines and a CSV header are not counted.
    pub received: i64,
    /// Records that were refused; `/jobs/{id}/rejects` says why.
    pub rejected: i64,
    /// Deliveries to the event log. A duplicate of an earlier event is among them, but not in the counts of a report.
    pub published: i64,
}

impl From<Progress> for JobProgress {
    fn from(progress: Progress) -> Self {
        Self {
            received: integer(progress.received),
            rejected: integer(progress.rejected),
            published: integer(progress.published),
        }
    }
}

/// What a bulk job did to others.
#[derive(Clone, Copy, Debug, Object, Serialize)]
pub struct JobBulk {
    /// Jobs that the filter found; 0 before the end.
    pub matched: i64,
    /// Jobs that were cancelled or retried so far; a lower bound after a crash of a worker.
    pub changed: i64,
}

impl From<Progress> for JobBulk {
    fn from(progress: Progress) -> Self {
        Self {
            matched: integer(progress.received),
            changed: integer(progress.published),
        }
    }
}

/// Where the events of a job stand in one partition of the event log.
#[skip_serializing_none]
#[derive(Clone, Debug, Object, Serialize)]
#[oai(skip_serializing_if_is_none)]
pub struct JobReceipt {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i64,
    /// The lowest offset; absent when no acknowledgement carried one.
    pub first_offset: Option<i64>,
    /// The highest offset.
    pub last_offset: Option<i64>,
    /// The number of events.
    pub events: i64,
    /// Of these, how many were acknowledged without an offset; absent when none was.
    pub without_offset: Option<i64>,
}

impl From<&Receipt> for JobReceipt {
    fn from(receipt: &Receipt) -> Self {
        Self {
            topic: receipt.topic.clone(),
            partition: receipt.partition.into(),
            first_offset: receipt.first_offset.map(integer),
            last_offset: receipt.last_offset.map(integer),
            events: integer(receipt.events),
            without_offset: (receipt.without_offset > 0).then(|| integer(receipt.without_offset)),
        }
    }
}

/// One try of one task of a job.
#[skip_serializing_none]
#[derive(Clone, Debug, Object, Serialize)]
#[oai(skip_serializing_if_is_none)]
pub struct JobAttempt {
    /// The task's number, from 0.
    pub task: i64,
    /// The number of the try, from 1.
    pub n: i64,
    /// Who tried.
    pub worker: String,
    /// When the try began.
    pub started_at: Moment,
    /// When it ended; absent while it runs.
    pub ended_at: Option<Moment>,
    /// Why it did not succeed.
    pub error: Option<String>,
}

impl From<&Attempt> for JobAttempt {
    fn from(attempt: &Attempt) -> Self {
        Self {
            task: attempt.task.into(),
            n: attempt.n.into(),
            worker: attempt.worker.clone(),
            started_at: Moment(attempt.started_at),
            ended_at: attempt.ended_at.map(Moment),
            error: attempt.error.clone(),
        }
    }
}

/// Where to go from a job; only what is possible now is present.
#[skip_serializing_none]
#[derive(Clone, Debug, Object, Serialize)]
#[oai(skip_serializing_if_is_none)]
pub struct Links {
    /// The job itself.
    #[oai(rename = "self")]
    #[serde(rename = "self")]
    pub itself: String,
    /// Its changes as server-sent events.
    pub stream: String,
    /// Its whole result.
    pub result: Option<String>,
    /// The records that were refused.
    pub rejects: Option<String>,
    /// `POST` stops the job.
    pub cancel: Option<String>,
    /// `POST` makes the same request a job again.
    pub retry: Option<String>,
}

impl Links {
    fn new(view: &JobView, public_url: Option<&str>) -> Self {
        let itself = format!("{}/jobs/{}", public_url.unwrap_or_default(), view.id);
        let below = |name: &str, possible: bool| possible.then(|| format!("{itself}/{name}"));
        let has_result = matches!(view.state, JobState::Succeeded | JobState::PartiallySucceeded);
        Self {
            stream: format!("{itself}/stream"),
            result: below("result", has_result),
            rejects: below("rejects", view.progress.rejected > 0),
            cancel: below("cancel", !view.state.is_terminal()),
            retry: below("retry", view.state.is_terminal()),
            itself,
        }
    }
}
