//! Whether the cluster answers, as the client's callbacks and our own calls tell it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::ports::{Clock, ComponentHealth};

/// Shared by all clients of one log.
pub(super) struct KafkaHealth {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

struct State {
    health: ComponentHealth,
    /// Whether the log has been told of the present outage.
    told: bool,
}

impl KafkaHealth {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        let health = ComponentHealth {
            name: "kafka",
            up: false,
            since: clock.wall(),
            detail: Some("no broker has answered yet".to_owned()),
        };
        let state = Mutex::new(State { health, told: false });
        Self { clock, state }
    }

    /// A broker has answered. Cheap where that is known.
    pub(super) fn up(&self) {
        let mut state = self.lock();
        if !state.health.up {
            state.health.up = true;
            state.health.since = self.clock.wall();
            state.health.detail = None;
            state.told = false;
            tracing::info!("kafka answers");
        }
    }

    /// No broker answers. An outage is logged once.
    pub(super) fn down(&self, reason: &str) {
        let mut state = self.lock();
        if state.health.up {
            state.health.up = false;
            state.health.since = self.clock.wall();
        }
        state.health.detail = Some(reason.to_owned());
        if !state.told {
            state.told = true;
            tracing::warn!(reason, "kafka does not answer");
        }
    }

    pub(super) fn now(&self) -> ComponentHealth {
        self.lock().health.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
