//! How an adapter says whether its server answers.

use serde::Serialize;

use crate::time::Timestamp;

/// Read by `/readyz` and the log.
pub trait Health: Send + Sync {
    /// The component's state, without waiting for anything.
    fn health(&self) -> ComponentHealth;
}

/// The state of one component.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ComponentHealth {
    /// `store`, `projection`, `rabbitmq`, `kafka` or `log`.
    pub name: &'static str,
    /// Whether it answers.
    pub up: bool,
    /// Since when it has been so.
    pub since: Timestamp,
    /// What an operator should know; never a secret.
    pub detail: Option<String>,
}
