//! A job as it is read back: everything a representation needs, free of HTTP.

use serde::{Deserialize, Serialize};

use super::{Attempt, JobError, JobId, JobRequest, JobState, Label, Labels, Progress, Receipt, Report};
use crate::time::Timestamp;

/// A snapshot of one job.
#[derive(Clone, Debug, PartialEq)]
pub struct JobView {
    /// The job's id.
    pub id: JobId,
    /// Its place in the order of acceptance.
    pub seq: i64,
    /// What was asked for.
    pub request: JobRequest,
    /// Where it stands.
    pub state: JobState,
    /// Starts at 1 and rises with each visible change.
    pub revision: u64,
    /// The job that this one repeats.
    pub retry_of: Option<JobId>,
    /// What its caller called it.
    pub labels: Labels,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When its first task was first claimed.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// When it may be purged; set at its end.
    pub expires_at: Option<Timestamp>,
    /// Counts of a submit; of a bulk job `received` counts the jobs that matched and `published` those changed.
    pub progress: Progress,
    /// One per partition, empty in lists.
    pub receipts: Vec<Receipt>,
    /// The last ten, oldest first, empty in lists.
    pub attempts: Vec<Attempt>,
    /// The result of a report, as soon as it is made; its rows are absent in lists.
    pub report: Option<Report>,
    /// Why it failed.
    pub error: Option<JobError>,
}

/// Which jobs a list shows; empty vectors and absent bounds do not restrict.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobFilter {
    /// Any of these kinds, by name: an unknown kind finds nothing.
    pub kinds: Vec<String>,
    /// Any of these states.
    pub states: Vec<JobState>,
    /// All of these labels.
    pub labels: Vec<Label>,
    /// Accepted at this time or later.
    pub created_from: Option<Timestamp>,
    /// Accepted before this time.
    pub created_to: Option<Timestamp>,
}
