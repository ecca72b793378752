//! What an ended job leaves: kept for a while, then removed, and remembered for a while more (P23).

use async_trait::async_trait;

use super::StoreError;

/// Removes what nobody needs any more.
#[async_trait]
pub trait RetentionStore: Send + Sync {
    /// Removes up to `limit` jobs past their retention, flushed; forgets purged jobs and keys whose time is over,
    /// and drops a part of the input that no job refers to any more.
    ///
    /// # Errors
    /// Any fault of the store.
    async fn purge(&self, limit: usize) -> Result<Purged, StoreError>;
}

/// What a purge did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Purged {
    /// Jobs that were removed.
    pub jobs: u64,
    /// Whether there is more to do at once.
    pub more: bool,
}
