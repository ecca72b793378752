//! What a caller may do to a job after it was accepted.

use async_trait::async_trait;

use super::{KeptKey, KeyUse, StoreError};
use crate::job::{JobId, JobView};
use crate::time::Timestamp;
use crate::wire::TraceContext;

/// Changes that callers ask for.
#[async_trait]
pub trait JobControl: Send + Sync {
    /// Cancels a job, flushed (P14).
    ///
    /// # Errors
    /// Any fault of the store.
    async fn cancel(&self, id: JobId) -> Result<CancelOutcome, StoreError>;

    /// Makes an ended job's request a job again, over the same input, flushed (P11, P23).
    ///
    /// # Errors
    /// [`StoreError::Busy`] when no more jobs are taken in; [`StoreError::OutcomeUnknown`] when the commit failed
    /// at the disk (P3).
    async fn retry(&self, retry: NewRetry) -> Result<RetryOutcome, StoreError>;

    /// Removes an ended job, flushed. It is remembered for a while; its events stay counted.
    ///
    /// # Errors
    /// Any fault of the store.
    async fn delete(&self, id: JobId) -> Result<DeleteOutcome, StoreError>;
}

/// What became of a cancel.
#[derive(Clone, Debug)]
pub enum CancelOutcome {
    /// The job is cancelled, now or since earlier.
    Cancelled(Box<JobView>),
    /// A worker still holds one of its tasks.
    Cancelling(Box<JobView>),
    /// It had ended in another way.
    AlreadyEnded(Box<JobView>),
    /// There is no such job.
    Unknown,
    /// There was one, and it was purged.
    Gone,
}

/// A retry to be made.
#[derive(Clone, Debug)]
pub struct NewRetry {
    /// The job that has ended.
    pub of: JobId,
    /// The id of the job to be made.
    pub id: JobId,
    /// The retry's time.
    pub created_at: Timestamp,
    /// The client's key, kept with the new job.
    pub key: Option<KeyUse>,
    /// The trace that the new job belongs to.
    pub trace: TraceContext,
}

/// What became of a retry.
#[derive(Clone, Debug)]
pub enum RetryOutcome {
    /// The new job.
    Made(Box<JobView>),
    /// Its key had been used; nothing was changed.
    KeyKept(KeptKey),
    /// The job has not ended.
    NotEnded(Box<JobView>),
    /// There is no such job.
    Unknown,
    /// There was one, and it was purged.
    Gone,
}

/// What became of a delete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeleteOutcome {
    /// The job is gone.
    Deleted,
    /// The job has not ended, and stays.
    NotEnded,
    /// There is no such job.
    Unknown,
    /// It was gone already.
    Gone,
}
