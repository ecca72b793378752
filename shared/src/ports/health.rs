//! How an adapter says whether its server answers, and what a process makes of it.

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
    #[serde(rename = "state", serialize_with = "up_or_down")]
    pub up: bool,
    /// Since when it has been so.
    pub since: Timestamp,
    /// What an operator should know; never a secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// The component without which nothing can be accepted.
const STORE: &str = "store";

/// What `/readyz` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Readiness {
    status: ReadinessStatus,
    components: Vec<ComponentHealth>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum ReadinessStatus {
    Ready,
    Degraded,
    NotReady,
}

impl Readiness {
    /// Of an `api`: it accepts as long as the store can be written, whatever the brokers do.
    #[must_use]
    pub fn of_api(components: Vec<ComponentHealth>) -> Self {
        let status = match components.iter().find(|component| !component.up) {
            None => ReadinessStatus::Ready,
            Some(_)
                if components
                    .iter()
                    .any(|component| component.name == STORE && !component.up) =>
            {
                ReadinessStatus::NotReady
            }
            Some(_) => ReadinessStatus::Degraded,
        };
        Self { status, components }
    }

    /// Of a `workers`: it works when everything is up.
    #[must_use]
    pub fn of_workers(components: Vec<ComponentHealth>) -> Self {
        let all_up = components.iter().all(|component| component.up);
        Self {
            status: if all_up {
                ReadinessStatus::Ready
            } else {
                ReadinessStatus::NotReady
            },
            components,
        }
    }

    /// Whether the process does what it is for.
    #[must_use]
    pub fn serves(&self) -> bool {
        self.status != ReadinessStatus::NotReady
    }

    /// The answer's body.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("texts, flags and times always serialise")
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands a reference to every field"
)]
fn up_or_down<S: serde::Serializer>(up: &bool, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(if *up { "up" } else { "down" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn component(name: &'static str, up: bool) -> ComponentHealth {
        ComponentHealth {
            name,
            up,
            since: Timestamp::from_millis(0),
            detail: None,
        }
    }

    #[test]
    fn an_api_accepts_without_brokers_and_not_without_its_store() {
        let broker_down = Readiness::of_api(vec![component("store", true), component("kafka", false)]);
        assert!(broker_down.serves());
        assert_eq!(
            broker_down.to_json(),
            r#"{"status":"degraded","components":[{"name":"store","state":"up","since":"1970-01-01T00:00:00.000Z"},{"name":"kafka","state":"down","since":"1970-01-01T00:00:00.000Z"}]}"#
        );
        assert!(!Readiness::of_api(vec![component("store", false), component("kafka", true)]).serves());
        assert!(!Readiness::of_workers(vec![component("store", true), component("kafka", false)]).serves());
    }
}
