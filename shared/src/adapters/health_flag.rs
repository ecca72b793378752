//! Whether an adapter's server answers, and since when.

use std::sync::{Arc, Mutex, PoisonError};

use crate::ports::{Clock, ComponentHealth};
use crate::time::Timestamp;

/// The last known state of one component. Set by the adapter, read by `/readyz`.
pub(super) struct HealthFlag {
    name: &'static str,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

struct State {
    up: bool,
    since: Timestamp,
    detail: Option<String>,
}

impl HealthFlag {
    /// A component that has not answered yet.
    pub(super) fn down(name: &'static str, clock: Arc<dyn Clock>, detail: &str) -> Self {
        let state = State {
            up: false,
            since: clock.wall(),
            detail: Some(detail.to_owned()),
        };
        Self {
            name,
            clock,
            state: Mutex::new(state),
        }
    }

    /// Notes that the component answers; true when it did not before.
    pub(super) fn set_up(&self) -> bool {
        self.set(true, None)
    }

    /// Notes that the component does not answer; true when it did before.
    pub(super) fn set_down(&self, detail: String) -> bool {
        self.set(false, Some(detail))
    }

    /// The state as the port shows it.
    pub(super) fn health(&self) -> ComponentHealth {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        ComponentHealth {
            name: self.name,
            up: state.up,
            since: state.since,
            detail: state.detail.clone(),
        }
    }

    fn set(&self, up: bool, detail: Option<String>) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let turned = state.up != up;
        if turned {
            state.since = self.clock.wall();
        }
        state.up = up;
        state.detail = detail;
        turned
    }
}
