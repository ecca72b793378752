//! What a caller asked for, after validation: the part of a job that never changes.

use serde::{Deserialize, Serialize};

use super::{JobFilter, JobId, JobKind};
use crate::mail::MailAddress;
use crate::schedule::ScheduleSlot;
use crate::time::Timestamp;

/// The request of a job. Stored as JSON with the kind as its tag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum JobRequest {
    /// Publish events.
    Submit(SubmitRequest),
    /// Count by place.
    Report(ReportRequest),
    /// Cancel all that match.
    Cancel(BulkRequest),
    /// Retry all that match.
    Retry(BulkRequest),
}

impl JobRequest {
    /// The kind of job that the request makes.
    #[must_use]
    pub const fn kind(&self) -> JobKind {
        match self {
            Self::Submit(_) => JobKind::Submit,
            Self::Report(_) => JobKind::Report,
            Self::Cancel(_) => JobKind::Cancel,
            Self::Retry(_) => JobKind::Retry,
        }
    }
}

/// A request to publish events. The events themselves are kept as input of the root job (P11, P23).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubmitRequest {
    /// The way the events came in.
    pub origin: SubmitOrigin,
}

/// The ways of submitting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubmitOrigin {
    /// `POST /submit`.
    Events,
    /// `POST /submit/{count}`.
    Sample,
    /// `POST /import`.
    Import,
}

/// A request to count by place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportRequest {
    /// What one row stands for.
    pub group_by: GroupBy,
    /// Events at this time and later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// Events before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Timestamp>,
    /// Jobs whose end is awaited first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<JobId>,
    /// Whether to wait for everything that was in the log at the first execution.
    pub fresh: bool,
    /// How long the report may wait, in seconds from the job's creation.
    pub deadline_s: u32,
    /// Who gets the report by mail.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mail_to: Vec<MailAddress>,
    /// The slot that the report was made for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<ScheduleSlot>,
}

impl ReportRequest {
    /// The number of the task that counts.
    pub const COUNT_TASK: u32 = 0;
    /// The number of the task that sends the mail. It joins the job in the transaction that writes the report, so
    /// that a report that fails has no mail to give up.
    pub const MAIL_TASK: u32 = 1;
    /// Recipients of one report.
    pub const MAIL_TO_MAX: usize = 50;

    /// The deadline when the caller names none, in seconds.
    pub const DEFAULT_DEADLINE_S: u32 = 3600;

    /// Whether the report has to take the log's end as its bound (design §7: `after` implies it).
    #[must_use]
    pub fn needs_bound(&self) -> bool {
        self.fresh || !self.after.is_empty()
    }

    /// Whether the report is mailed once it is made, or logged in place of that. One of a schedule is, even to nobody.
    #[must_use]
    pub fn is_mailed(&self) -> bool {
        !self.mail_to.is_empty() || self.schedule.is_some()
    }
}

impl Default for ReportRequest {
    fn default() -> Self {
        Self {
            group_by: GroupBy::City,
            from: None,
            to: None,
            after: Vec::new(),
            fresh: true,
            deadline_s: Self::DEFAULT_DEADLINE_S,
            mail_to: Vec::new(),
            schedule: None,
        }
    }
}

/// A request that acts on all jobs that match and were accepted before it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BulkRequest {
    /// Which jobs; bulk jobs are never among them.
    pub filter: JobFilter,
}

/// What one row of a report stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupBy {
    /// A city in its state and country.
    #[default]
    City,
    /// A state in its country.
    State,
    /// A country.
    Country,
}

impl GroupBy {
    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::City => "city",
            Self::State => "state",
            Self::Country => "country",
        }
    }
}
