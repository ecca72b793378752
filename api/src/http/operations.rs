//! `/healthz`, `/readyz` and `/metrics`: for operators, outside the specification.

use std::sync::Arc;

use poem::http::StatusCode;
use poem::web::Data;
use poem::{IntoResponse, Response, handler};
use serde::Serialize;
use shared::ports::ComponentHealth;

use super::state::ApiState;

/// The process answers.
#[handler]
pub(super) fn healthz() -> Response {
    json(StatusCode::OK, r#"{"status":"ok"}"#.to_owned())
}

/// What works and what does not. Only a store that cannot be written is a reason to send no more requests.
#[handler]
pub(super) fn readyz(Data(state): Data<&Arc<ApiState>>) -> Response {
    let components: Vec<_> = state.health.iter().map(|component| component.health()).collect();
    let down = |name: &str| {
        components
            .iter()
            .any(|component| component.name == name && !component.up)
    };
    let (code, status) = if down("store") {
        (StatusCode::SERVICE_UNAVAILABLE, "not_ready")
    } else if components.iter().all(|component| component.up) {
        (StatusCode::OK, "ready")
    } else {
        (StatusCode::OK, "degraded")
    };
    let readiness = Readiness {
        status,
        components: components.iter().map(Component::from).collect(),
    };
    json(
        code,
        serde_json::to_string(&readiness).expect("a readiness is plain data"),
    )
}

/// Metrics in Prometheus' text format.
#[handler]
pub(super) fn metrics(Data(state): Data<&Arc<ApiState>>) -> Response {
    Response::builder()
        .content_type("text/plain; version=0.0.4; charset=utf-8")
        .body((state.metrics)())
}

#[derive(Serialize)]
struct Readiness<'a> {
    status: &'static str,
    components: Vec<Component<'a>>,
}

#[derive(Serialize)]
struct Component<'a> {
    name: &'static str,
    state: &'static str,
    since: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
}

impl<'a> From<&'a ComponentHealth> for Component<'a> {
    fn from(health: &'a ComponentHealth) -> Self {
        Self {
            name: health.name,
            state: if health.up { "up" } else { "down" },
            since: health.since.to_string(),
            detail: health.detail.as_deref(),
        }
    }
}

fn json(status: StatusCode, body: String) -> Response {
    Response::builder()
        .status(status)
        .content_type("application/json")
        .header("cache-control", "no-store")
        .body(body)
        .into_response()
}
