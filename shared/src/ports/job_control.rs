//! What a caller may do to a job after it was accepted.

use async_trait::async_trait;

use super::StoreError;
use crate::job::{JobId, JobView};

/// Changes that callers ask for.
#[async_trait]
pub trait JobControl: Send + Sync {
    /// Cancels a job, flushed (P14).
    ///
    /// # Errors
    /// Any fault of the store.
    async fn cancel(&self, id: JobId) -> Result<CancelOutcome, StoreError>;
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
