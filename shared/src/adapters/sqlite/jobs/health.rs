//! Whether the store can be written, as its last commit showed.

use std::sync::{Mutex, PoisonError};

use rusqlite::ErrorCode;

use super::JobStore;
use super::fault::Fault;
use crate::adapters::sqlite::WriteError;
use crate::ports::{ComponentHealth, Health};
use crate::time::Timestamp;

/// The state since its last change.
#[derive(Debug)]
pub(super) struct Condition {
    inside: Mutex<(bool, Timestamp)>,
}

impl Condition {
    pub(super) fn up(since: Timestamp) -> Self {
        Self {
            inside: Mutex::new((true, since)),
        }
    }

    /// Notes what a write said about the disk.
    pub(super) fn note<T>(&self, written: &Result<T, Fault>, now: Timestamp) {
        let up = match written {
            Err(Fault::Write(WriteError::OutcomeUnknown(_) | WriteError::Failed(_))) => false,
            Err(Fault::Sqlite(error)) if refused_by_disk(error) => false,
            // A refusal says nothing of the disk.
            Err(_) => return,
            Ok(_) => true,
        };
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        if inside.0 != up {
            *inside = (up, now);
        }
    }
}

fn refused_by_disk(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DiskFull | ErrorCode::SystemIoFailure | ErrorCode::ReadOnly)
    )
}

impl Health for JobStore {
    fn health(&self) -> ComponentHealth {
        let (up, since) = *self
            .condition()
            .inside
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        ComponentHealth {
            name: "store",
            up,
            since,
            detail: (!up).then(|| "the job store cannot be written".to_owned()),
        }
    }
}
