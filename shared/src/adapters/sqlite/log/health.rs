//! Whether the log's file can be written and read, as the last use of it showed.

use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};

use crate::ports::{Clock, ComponentHealth};

/// The state, shared by the log and its readers.
pub(super) struct LogHealth {
    clock: Arc<dyn Clock>,
    state: Mutex<ComponentHealth>,
}

impl LogHealth {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        let state = Mutex::new(ComponentHealth {
            name: "log",
            up: true,
            since: clock.wall(),
            detail: None,
        });
        Self { clock, state }
    }

    /// Takes in the result of one use. An outage is logged once.
    pub(super) fn note<T, E: Error + 'static>(&self, result: &Result<T, E>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let up = result.is_ok();
        if up == state.up {
            return;
        }
        state.up = up;
        state.since = self.clock.wall();
        state.detail = result.as_ref().err().map(ToString::to_string);
        match result {
            Ok(_) => tracing::info!("the event log can be used again"),
            Err(error) => tracing::error!(error = error as &dyn Error, "the event log cannot be used"),
        }
    }

    pub(super) fn now(&self) -> ComponentHealth {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
