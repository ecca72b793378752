//! The port by which a process learns that a job has moved on, its own or another's.

use async_trait::async_trait;

use super::{NewJob, StoreError};
use crate::job::JobId;

/// A feed of changes in commit order. A process has one, never one per waiting client.
#[async_trait]
pub trait ChangeFeed: Send {
    /// Waits until something has changed, and returns what did. A job that is gone may appear, too.
    /// Cancel-safe.
    ///
    /// # Errors
    /// Any fault of the store; the next call goes on where this one stood.
    async fn next(&mut self) -> Result<News, StoreError>;

    /// Passes over what has changed so far: nobody waited for it.
    ///
    /// # Errors
    /// Any fault of the store.
    async fn skip(&mut self) -> Result<(), StoreError>;
}

/// What a feed has to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// What has changed since it was asked last.
    Changes(Vec<JobChange>),
    /// It was asked so late that the store has forgotten some changes: any job may have moved on.
    Missed,
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

impl JobChange {
    /// The first: the job has become visible.
    #[must_use]
    pub const fn made(job: JobId) -> Self {
        Self {
            job,
            revision: NewJob::FIRST_REVISION,
            ended: false,
        }
    }
}
