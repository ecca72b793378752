//! What `/jobs/{id}/result` and `/jobs/{id}/rejects` return.

use poem_openapi::Object;
use serde::Serialize;
use shared::ports::StoredReject;

use super::{JobProgress, JobReceipt, ReportResult};

/// The result of a job: of a report its `report`, of a submit its `progress` and `receipts`.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct JobResult {
    /// The report with all of its rows.
    pub report: Option<ReportResult>,
    /// Counts of the submit.
    pub progress: Option<JobProgress>,
    /// Where its events stand in the log.
    pub receipts: Option<Vec<JobReceipt>>,
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
            line: super::integer(reject.line),
            pointer: reject.pointer,
            code: reject.code,
            reason: reject.reason,
            raw: reject.raw,
        }
    }
}
