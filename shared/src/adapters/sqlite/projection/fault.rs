//! What can go wrong in the projection's file, before the port's error names the operation.

use super::super::{ReadError, WriteError};
use crate::ports::ProjectionError;

#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error("the projection was moved on by another process")]
    Fenced,
    #[error(transparent)]
    Write(#[from] WriteError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("SQLite refused")]
    Sqlite(#[from] rusqlite::Error),
}

impl Fault {
    pub(super) fn during(self, operation: &'static str) -> ProjectionError {
        match self {
            Self::Fenced => ProjectionError::Fenced,
            Self::Write(source) => ProjectionError::Failed {
                operation,
                source: Box::new(source),
            },
            Self::Read(source) => ProjectionError::Failed {
                operation,
                source: Box::new(source),
            },
            Self::Sqlite(source) => ProjectionError::Failed {
                operation,
                source: Box::new(source),
            },
        }
    }
}
