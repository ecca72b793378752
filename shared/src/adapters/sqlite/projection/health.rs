//! Whether the projection's file can be written and read, as the last use of it showed.

use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};

use super::fault::Fault;
use crate::ports::{Clock, ComponentHealth};

/// The state, shared by the clones of the store.
pub(super) struct ProjectionHealth {
    clock: Arc<dyn Clock>,
    state: Mutex<ComponentHealth>,
}

impl ProjectionHealth {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        let state = Mutex::new(ComponentHealth {
            name: "projection",
            up: true,
            since: clock.wall(),
            detail: None,
        });
        Self { clock, state }
    }

    /// Takes in the result of one use. An outage is logged once; to be fenced is none.
    pub(super) fn note<T>(&self, result: &Result<T, Fault>) {
        let fault = match result {
            Ok(_) | Err(Fault::Fenced) => None,
            Err(fault) => Some(fault),
        };
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if fault.is_none() == state.up {
            return;
        }
        state.up = fault.is_none();
        state.since = self.clock.wall();
        state.detail = fault.map(ToString::to_string);
        match fault {
            None => tracing::info!("the projection can be used again"),
            Some(error) => tracing::error!(error = error as &dyn Error, "the projection cannot be used"),
        }
    }

    pub(super) fn now(&self) -> ComponentHealth {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
