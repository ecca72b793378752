//! What the projector of this process knows of the log: whether what a report waits for can still come true.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shared::job::JobError;
use shared::ports::{ComponentHealth, Health};
use shared::time::Timestamp;

/// Shared by the projector, which writes it, and by reports and `/readyz`, which read it. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct LogState(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    /// Why the projector has stopped.
    projector: Option<Stopped>,
    /// Why nothing may be published (P17).
    gate: Option<Stopped>,
}

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
        self.inner().projector = None;
    }

    /// The log is the one that was read, whatever records it may hold.
    pub(crate) fn set_undiverged(&self) {
        let mut known = self.inner();
        if known
            .projector
            .as_ref()
            .is_some_and(|stopped| stopped.error.code == JobError::LOG_DIVERGED)
        {
            known.projector = None;
        }
    }

    /// Only an operator can bring the counts up to date again.
    pub(crate) fn set_stopped(&self, error: JobError, cause: String, now: Timestamp) {
        let mut known = self.inner();
        let since = known.projector.as_ref().map_or(now, |stopped| stopped.since);
        known.projector = Some(Stopped { error, cause, since });
    }

    /// The log lacks what it had acknowledged: nothing may be published until an operator has mended it.
    pub(crate) fn set_gate_closed(&self, error: JobError, cause: String, now: Timestamp) {
        let mut known = self.inner();
        let since = known.gate.as_ref().map_or(now, |stopped| stopped.since);
        known.gate = Some(Stopped { error, cause, since });
    }

    /// Publishing goes on.
    pub(crate) fn set_gate_open(&self) {
        self.inner().gate = None;
    }

    /// Why a report that waits would wait in vain; `None` as far as this process knows.
    pub(crate) fn stopped(&self) -> Option<JobError> {
        self.inner()
            .projector
            .as_ref()
            .map(|stopped| stopped.error.clone())
    }

    fn inner(&self) -> MutexGuard<'_, Known> {
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
        let known = self.log_state.inner();
        match known.projector.as_ref().or(known.gate.as_ref()) {
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
