//! What the projector of this process knows of the log: whether what a report waits for can still come true.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shared::job::JobError;
use shared::ports::{ComponentHealth, Health};
use shared::time::Timestamp;

/// Shared by the projector, which writes it, and by reports and `/readyz`, which read it. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct LogState(Arc<Mutex<Option<Stopped>>>);

#[derive(Clone, Debug)]
struct Stopped {
    /// For who waits.
    error: JobError,
    /// For the operator.
    cause: String,
    since: Timestamp,
}

impl LogState {
    /// The log was checked and is the one that was read.
    pub(crate) fn set_sound(&self) {
        *self.inner() = None;
    }

    /// Only an operator can bring the counts up to date again.
    pub(crate) fn set_stopped(&self, error: JobError, cause: String, now: Timestamp) {
        let mut inner = self.inner();
        let since = inner.as_ref().map_or(now, |stopped| stopped.since);
        *inner = Some(Stopped { error, cause, since });
    }

    /// Why a report that waits would wait in vain; `None` as far as this process knows.
    pub(crate) fn stopped(&self) -> Option<JobError> {
        self.inner().as_ref().map(|stopped| stopped.error.clone())
    }

    fn inner(&self) -> MutexGuard<'_, Option<Stopped>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The projection as `/readyz` shows it: its file, and whether it can follow the log (P17).
pub(crate) struct ProjectionHealth {
    pub(crate) file: Arc<dyn Health>,
    pub(crate) log_state: LogState,
}

impl Health for ProjectionHealth {
    fn health(&self) -> ComponentHealth {
        let file = self.file.health();
        match &*self.log_state.inner() {
            Some(stopped) if file.up => ComponentHealth {
                up: false,
                since: stopped.since,
                detail: Some(stopped.cause.clone()),
                ..file
            },
            Some(_) | None => file,
        }
    }
}
