//! What `/jobs/{id}/result` and `/jobs/{id}/rejects` return.

use poem_openapi::Object;
use serde::Serialize;
use serde_with::skip_serializing_none;
use shared::job::JobView;
use shared::ports::StoredReject;

use super::{GroupByName, JobBulk, JobProgress, JobReceipt, LogPosition, Moment, ReportPlace, integer};

/// The result of a job: of a report the report with all of its rows, of a submit its `progress` and `receipts`, of a
/// bulk job what it did.
///
/// One schema with what either has: clients in many languages cannot read a choice of schemas.
#[skip_serializing_none]
#[derive(Clone, Debug, Object, Serialize)]
#[oai(skip_serializing_if_is_none)]
pub struct JobResult {
    /// Of a report: what one row stands for.
    pub group_by: Option<GroupByName>,
    /// Of a report: when the counts were read.
    pub generated_at: Option<Moment>,
    /// Of a report: the number of distinct users over all rows, not their sum.
    pub users: Option<i64>,
    /// Of a report: the number of events over all rows.
    pub events: Option<i64>,
    /// Of a report: how many rows it has.
    pub rows_total: Option<i64>,
    /// Of a report: records that are not counted because they cannot be read.
    pub quarantined: Option<i64>,
    /// Of a report: what it includes.
    pub as_of: Option<Vec<LogPosition>>,
    /// Of a report: all rows, most users first.
    pub rows: Option<Vec<ReportPlace>>,
    /// Of a submit: its counts.
    pub progress: Option<JobProgress>,
    /// Of a submit: where its events stand in the log.
    pub receipts: Option<Vec<JobReceipt>>,
    /// Of a bulk job: what it did.
    pub bulk: Option<JobBulk>,
}

impl JobResult {
    /// The result of a job that is no report.
    #[must_use]
    pub fn without_report(view: &JobView) -> Self {
        let is_bulk = view.request.kind().is_bulk();
        Self {
            group_by: None,
            generated_at: None,
            users: None,
            events: None,
            rows_total: None,
            quarantined: None,
            as_of: None,
            rows: None,
            progress: (!is_bulk).then(|| view.progress.into()),
            receipts: (!is_bulk).then(|| view.receipts.iter().map(JobReceipt::from).collect()),
            bulk: is_bulk.then(|| view.progress.into()),
        }
    }
}

/// A record of an import that was refused, with its first fault.
#[derive(Clone, Debug, Serialize)]
pub struct Reject {
    /// The first physical line of the record, from 1.
    pub line: i64,
    /// The place of the fault, like `#/address/city`; `#` for the line itself.
    pub pointer: String,
    /// The code of the fault.
    pub code: String,
    /// A sentence for a person.
    pub reason: String,
    /// The record as it came, at most 1 KiB of it.
    pub raw: String,
}

impl From<StoredReject> for Reject {
    fn from(reject: StoredReject) -> Self {
        Self {
            line: integer(reject.line),
            pointer: reject.pointer,
            code: reject.code,
            reason: reject.reason,
            raw: reject.raw,
        }
    }
}
