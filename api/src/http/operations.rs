//! `/healthz`, `/readyz` and `/metrics`: for operators, outside the specification.

use std::sync::Arc;

use poem::http::StatusCode;
use poem::web::Data;
use poem::{IntoResponse, Response, handler};
use shared::ports::Readiness;

use super::state::ApiState;

/// The process answers.
#[handler]
pub(super) fn healthz() -> Response {
    json(StatusCode::OK, r#"{"status":"ok"}"#.to_owned())
}

/// What works and what does not. Only a store that cannot be written is a reason to send no more requests.
#[handler]
pub(super) fn readyz(Data(state): Data<&Arc<ApiState>>) -> Response {
    let components = state.health.iter().map(|component| component.health()).collect();
    let readiness = Readiness::of_api(components);
    let status = if readiness.serves() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    json(status, readiness.to_json())
}

/// Metrics in Prometheus' text format.
#[handler]
pub(super) fn metrics(Data(state): Data<&Arc<ApiState>>) -> Response {
    Response::builder()
        .content_type("text/plain; version=0.0.4; charset=utf-8")
        .body((state.metrics)())
}

fn json(status: StatusCode, body: String) -> Response {
    Response::builder()
        .status(status)
        .content_type("application/json")
        .header("cache-control", "no-store")
        .body(body)
        .into_response()
}
