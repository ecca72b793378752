//! Step 8: jobs are read back. Readers never wait for writers.

use async_trait::async_trait;

use super::StoreError;
use crate::job::{JobFilter, JobId, JobState, JobView, ReportRow};

/// Read access to jobs.
#[async_trait]
pub trait JobReader: Send + Sync {
    /// One job, with receipts, attempts and at most `max_rows` rows of its report.
    ///
    /// # Errors
    /// Any fault of the store.
    async fn job(&self, id: JobId, max_rows: usize) -> Result<JobLookup, StoreError>;

    /// Jobs of the filter, newest accepted first, older than `before` (a place in the order of acceptance).
    ///
    /// # Errors
    /// Any fault of the store.
    async fn list(
        &self,
        filter: &JobFilter,
        before: Option<i64>,
        limit: usize,
    ) -> Result<JobPage, StoreError>;

    /// Up to `limit` rejects of the job, in the order of the input, from the `offset`th on.
    ///
    /// # Errors
    /// Any fault of the store.
    async fn rejects(&self, id: JobId, offset: u64, limit: usize) -> Result<Vec<StoredReject>, StoreError>;

    /// Up to `limit` rows of the job's report, in the report's order, from the `offset`th on.
    ///
    /// # Errors
    /// Any fault of the store.
    async fn report_rows(&self, id: JobId, offset: u64, limit: usize) -> Result<Vec<ReportRow>, StoreError>;

    /// Which of these ids no job has, whether never or no longer.
    ///
    /// # Errors
    /// Any fault of the store.
    async fn unknown(&self, ids: &[JobId]) -> Result<Vec<JobId>, StoreError>;

    /// Jobs by kind and state, for metrics and admission; those that ended are not counted.
    ///
    /// # Errors
    /// Any fault of the store.
    async fn open_jobs(&self) -> Result<Vec<(&'static str, JobState, u64)>, StoreError>;

    /// Rises with each first start after a power failure or a move; part of every `ETag` (P2).
    fn epoch(&self) -> u64;
}

/// What an id leads to.
#[derive(Clone, Debug, PartialEq)]
pub enum JobLookup {
    /// The job.
    Found(Box<JobView>),
    /// It was purged, and is remembered.
    Gone,
    /// Never heard of.
    Unknown,
}

/// One page of a list.
#[derive(Clone, Debug, Default)]
pub struct JobPage {
    /// The jobs, without receipts, attempts and report rows.
    pub jobs: Vec<JobView>,
    /// Whether older ones follow.
    pub more: bool,
}

/// A reject as it is read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredReject {
    /// The first physical line of the record, from 1.
    pub line: u64,
    /// Where the fault is.
    pub pointer: String,
    /// The fault's code.
    pub code: String,
    /// A sentence for a person.
    pub reason: String,
    /// The raw record.
    pub raw: String,
}
