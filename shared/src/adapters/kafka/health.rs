//! Whether the cluster answers, as the client's callbacks and our own calls tell it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::ports::{Clock, ComponentHealth};

/// Shared by all clients of one log.
pub(super) struct KafkaHealth {
    clock: Arc<dyn Clock>,
    state: Mutex<ComponentHealth>,
}

impl KafkaHealth {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        let state = Mutex::new(ComponentHealth {
            name: "kafka",
            up: false,
            since: clock.wall(),
            detail: Some("no broker has answered yet".to_owned()),
        });
        Self { clock, state }
    }

    /// A broker has answered. Cheap where that is known.
    pub(super) fn up(&self) {
        let mut state = self.lock();
        if !state.up {
            state.up = true;
            state.since = self.clock.wall();
            state.detail = None;
            tracing::info!("kafka answers");
        }
    }

    /// No broker answers. An outage is logged once.
    pub(super) fn down(&self, reason: &str) {
        let mut state = self.lock();
        let known = !state.up && state.detail.as_deref() == Some(reason);
        if state.up {
            state.since = self.clock.wall();
        }
        if !known {
            tracing::warn!(reason, "kafka does not answer");
        }
        state.up = false;
        state.detail = Some(reason.to_owned());
    }

    pub(super) fn now(&self) -> ComponentHealth {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, ComponentHealth> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
