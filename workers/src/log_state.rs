//! What the projector of this process knows of the log: whether what a report waits for can still come true.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shared::job::JobError;

/// Shared by the projector, which writes it, and the reports, which read it. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct LogState(Arc<Mutex<Option<JobError>>>);

impl LogState {
    /// The log was checked and is the one that was read.
    pub(crate) fn set_sound(&self) {
        *self.error() = None;
    }

    /// Only an operator can bring the counts up to date again.
    pub(crate) fn set_stopped(&self, error: JobError) {
        *self.error() = Some(error);
    }

    /// Why a report that waits would wait in vain; `None` as far as this process knows.
    pub(crate) fn stopped(&self) -> Option<JobError> {
        self.error().clone()
    }

    fn error(&self) -> MutexGuard<'_, Option<JobError>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
