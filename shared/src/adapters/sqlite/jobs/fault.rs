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
            Self::Write(source @ (WriteError::Failed(_) | WriteError::BrokenOff)) => StoreError::Failed {
                operation,
                source: Box::new(source),
            },
            Self::Read(source) => StoreError::Failed {
                operation,
                source: Box::new(source),
            },
            // P4: the reserve was passed by somebody else's data; there may be room later.
            Self::Sqlite(source) if source.sqlite_error_code() == Some(ErrorCode::DiskFull) => {
                StoreError::Busy {
                    reason: "the disk is full".to_owned(),
                }
            }
            Self::Sqlite(source) => StoreError::Failed {
                operation,
                source: Box::new(source),
            },
        }
    }
}
