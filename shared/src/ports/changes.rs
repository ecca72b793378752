//! The port by which a process learns that a job has moved on, its own or another's.

use async_trait::async_trait;

use super::StoreError;
use crate::job::JobId;

/// A feed of changes in commit order. A process has one, never one per waiting client.
#[async_trait]
pub trait ChangeFeed: Send {
    /// Waits until something has changed, and returns what did. A job that changed twice may appear once. Cancel-safe.
    ///
    /// # Errors
    /// Any fault of the store; the next call goes on where this one stood.
    async fn next(&mut self) -> Result<Vec<JobChange>, StoreError>;

    /// Passes over what has changed so far: nobody waited for it.
    ///
    /// # Errors
    /// Any fault of the store.
    async fn skip(&mut self) -> Result<(), StoreError>;
}

/// One job moved on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobChange {
    /// The job.
    pub job: JobId,
    /// Its revision after the change.
    pub revision: u64,
    /// Whether it has ended.
    pub ended: bool,
}
