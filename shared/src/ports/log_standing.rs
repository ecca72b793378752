//! Whether the log can be followed and written to, kept beside the projector's lease, so that every process can say
//! it (P17).

use async_trait::async_trait;

use super::{ProjectionError, ProjectorLease};
use crate::time::Timestamp;

/// What the processes tell one another of the log.
#[async_trait]
pub trait LogStanding: Send + Sync {
    /// What is known now.
    ///
    /// # Errors
    /// Any fault of the projection's store.
    async fn standing(&self) -> Result<Standing, ProjectionError>;

    /// The holder of the lease cannot go on before an operator has mended the log. A stop of the same code keeps
    /// the time of the first.
    ///
    /// # Errors
    /// [`ProjectionError::Fenced`] when the lease is not ours any more: then nothing was changed.
    async fn stop_projector(&self, lease: &ProjectorLease, stop: LogStop) -> Result<(), ProjectionError>;

    /// The holder of the lease is past what stopped a projector with this code.
    ///
    /// # Errors
    /// As [`Self::stop_projector`].
    async fn resume_projector(
        &self,
        lease: &ProjectorLease,
        code: &'static str,
    ) -> Result<(), ProjectionError>;

    /// Nothing may be published: the log lacks what it had acknowledged.
    ///
    /// # Errors
    /// Any fault of the projection's store.
    async fn close_gate(&self, stop: LogStop) -> Result<(), ProjectionError>;

    /// The log was found to hold what it had acknowledged.
    ///
    /// # Errors
    /// Any fault of the projection's store.
    async fn open_gate(&self) -> Result<(), ProjectionError>;
}

/// What is known of the log beside the counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Why nobody projects.
    pub projector: Option<LogStop>,
    /// Why nothing is published.
    pub gate: Option<LogStop>,
    /// Records in quarantine that no later record has corrected.
    pub quarantined: u64,
}

/// Why something stands still until an operator has mended the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogStop {
    /// A code of [`crate::job::JobError`], for reports that wait.
    pub code: &'static str,
    /// A sentence for the operator, with the way to repair.
    pub cause: String,
    /// Since when.
    pub since: Timestamp,
}
