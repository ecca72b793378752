//! What can go wrong in a store, classified for its callers.

use std::error::Error as StdError;

/// A failed call of a store's port.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store had no time or no room for the request; nothing was changed.
    #[error("the store is busy: {reason}")]
    Busy {
        /// For the operator.
        reason: String,
    },
    /// The commit failed at the disk: whether it took effect is unknown (P3).
    #[error("the outcome of a commit is unknown")]
    OutcomeUnknown {
        /// What the disk said.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
    /// The upload was swept or never opened: its lease had lapsed.
    #[error("the upload's lease has lapsed")]
    UploadLapsed,
    /// What the store holds cannot be read by this program.
    #[error("the store holds a value that this program cannot read: {what}")]
    Corrupt {
        /// Which value.
        what: String,
    },
    /// Any other fault of the store; nothing was changed.
    #[error("the store failed in {operation}")]
    Failed {
        /// The operation, for the operator.
        operation: &'static str,
        /// What the store said.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
}
