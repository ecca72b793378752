//! What goes wrong inside the job store, before it is classified for the callers of its ports.

use crate::adapters::sqlite::{OpenError, ReadError, WriteError};
use crate::ports::StoreError;
use rusqlite::ErrorCode;

/// The job store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum JobStoreError {
    /// The file or its schema.
    #[error("the job store cannot be opened")]
    Open(#[from] OpenError),
    /// The connections to read with.
    #[error("the job store cannot be read")]
    Read(#[from] ReadError),
    /// The lock beside the file.
    #[error("the lock of the job store cannot be taken")]
    Lock(#[source] std::io::Error),
    /// The locks of the worker processes.
    #[error("the folder of worker processes beside the job store cannot be read")]
    Presence(#[source] std::io::Error),
    /// The epoch could not be read or raised (P2).
    #[error("the epoch of the job store cannot be kept")]
    Epoch(#[source] rusqlite::Error),
}

/// A fault of one operation.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error(transparent)]
    Write(#[from] WriteError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    #[error("{0}")]
    Corrupt(String),
    #[error("{0}")]
    Busy(String),
    #[error("the upload has lapsed")]
    UploadLapsed,
}

impl Fault {
    /// The value in `place` is not one of ours.
    pub(super) fn corrupt(place: &str, value: impl std::fmt::Display) -> Self {
        Self::Corrupt(format!("{place}: {value}"))
    }

    /// The error of the port.
    pub(super) fn classify(self, operation: &'static str) -> StoreError {
        match self {
            Self::Write(WriteError::Busy { reason }) | Self::Busy(reason) => StoreError::Busy { reason },
            Self::Write(WriteError::OutcomeUnknown(source)) => StoreError::OutcomeUnknown {
                source: Box::new(source),
            },
            Self::UploadLapsed => StoreError::UploadLapsed,
            Self::Corrupt(what) => StoreError::Corrupt { what },
            // P4, and so is the file that cannot be opened again meanwhile.
            Self::Write(WriteError::Failed(source)) if source.downcast_ref().is_some_and(is_full) => full(),
            // P3: so is one whose WAL a reader keeps from being checkpointed.
            Self::Write(WriteError::Failed(source)) if source.downcast_ref().is_some_and(is_held_up) => {
                StoreError::Busy {
                    reason: "a reader holds up the checkpoint that follows a failed commit".to_owned(),
                }
            }
            Self::Write(source @ (WriteError::Failed(_) | WriteError::BrokenOff)) => StoreError::Failed {
                operation,
                source: Box::new(source),
            },
            Self::Read(source) => StoreError::Failed {
                operation,
                source: Box::new(source),
            },
            // P4: the reserve was passed by somebody else's data; there may be room later.
            Self::Sqlite(source) if is_full(&source) => full(),
            Self::Sqlite(source) => StoreError::Failed {
                operation,
                source: Box::new(source),
            },
        }
    }
}

fn is_full(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DiskFull)
}

fn is_held_up(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
}

fn full() -> StoreError {
    StoreError::Busy {
        reason: "the disk is full".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rusqlite::ffi;

    use super::*;

    #[test]
    fn p3_p4_a_file_that_is_held_up_or_full_is_busy_and_a_broken_one_has_failed() {
        let classified = |code| {
            let source = rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
            Fault::Write(WriteError::Failed(Arc::new(source))).classify("cancel")
        };
        assert!(matches!(classified(ffi::SQLITE_FULL), StoreError::Busy { .. }));
        assert!(matches!(classified(ffi::SQLITE_BUSY), StoreError::Busy { .. }));
        assert!(matches!(classified(ffi::SQLITE_IOERR), StoreError::Failed { .. }));
    }
}
