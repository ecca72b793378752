//! The operator's endpoints of a workers process: `/healthz`, `/readyz`, `/metrics`.

use std::net::SocketAddr;
use std::sync::Arc;

use poem::http::StatusCode;
use poem::listener::{Acceptor, Listener, TcpListener};
use poem::middleware::AddData;
use poem::web::Data;
use poem::{EndpointExt, Response, Route, Server, get, handler};
use shared::ports::{Health, Readiness};
use shared::telemetry::Metrics;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::app_error::AppError;

/// Serves until `shutdown`; binds before it returns.
///
/// # Errors
/// [`AppError::Listen`].
pub(crate) async fn serve(
    address: SocketAddr,
    health: Vec<Arc<dyn Health>>,
    metrics: Metrics,
    shutdown: CancellationToken,
) -> Result<JoinHandle<()>, AppError> {
    let listen = |source| AppError::Listen {
        address: address.to_string(),
        source,
    };
    let acceptor = TcpListener::bind(address).into_acceptor().await.map_err(listen)?;
    tracing::info!(address = %acceptor.local_addr()[0], "the operator's endpoints are served");
    let routes = Route::new()
        .at("/healthz", get(healthz))
        .at("/readyz", get(readyz))
        .at("/metrics", get(metrics_text))
        .with(AddData::new(health))
        .with(AddData::new(metrics))
        .boxed();
    let stopped = shutdown.cancelled_owned();
    Ok(tokio::spawn(async move {
        let server = Server::new_with_acceptor(acceptor);
        if let Err(error) = server.run_with_graceful_shutdown(routes, stopped, None).await {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "the operator's endpoints ended"
            );
        }
    }))
}

#[handler]
fn healthz() -> Response {
    json(StatusCode::OK, r#"{"status":"ok"}"#.to_owned())
}

/// `503` until everything that this process works with is up: it has nothing else to be ready for.
#[handler]
fn readyz(Data(health): Data<&Vec<Arc<dyn Health>>>) -> Response {
    let readiness = Readiness::of_workers(health.iter().map(|component| component.health()).collect());
    let status = if readiness.serves() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    json(status, readiness.to_json())
}

#[handler]
fn metrics_text(Data(metrics): Data<&Metrics>) -> Response {
    answer(StatusCode::OK, "text/plain; version=0.0.4", metrics.text())
}

fn json(status: StatusCode, body: String) -> Response {
    answer(status, "application/json", body)
}

fn answer(status: StatusCode, content_type: &str, body: String) -> Response {
    Response::builder()
        .status(status)
        .content_type(content_type)
        .body(body)
}
