//! What every process of Census has: logs, metrics, a runtime, a signal to stop, and a bound on stopping.

use std::time::Duration;

use shared::config::Config;
use shared::telemetry::{Metrics, start_logs};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::app_error::AppError;

/// Starts what every process has before anything else: logs, warnings, metrics.
///
/// # Errors
/// [`AppError`].
pub fn start_process(config: &Config, warnings: &[String]) -> Result<Metrics, AppError> {
    shared::faults::arm();
    start_logs(&config.log)?;
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    Ok(Metrics::start()?)
}

/// Runs `main` on a runtime of its own.
///
/// # Errors
/// Those of `main`, or [`AppError::System`].
pub fn block_on<T, E: From<AppError>>(main: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|source| AppError::System {
            what: "an async runtime",
            source,
        })?;
    let result = runtime.block_on(main);
    // A read of the store cannot be broken off; it ends within a second (P9).
    runtime.shutdown_timeout(Duration::from_secs(1));
    result
}

/// A token that is cancelled by the first `SIGTERM` or `SIGINT`.
///
/// # Errors
/// [`AppError::System`].
pub fn shutdown_signal() -> Result<CancellationToken, AppError> {
    let listen = |kind| {
        signal(kind).map_err(|source| AppError::System {
            what: "a signal handler",
            source,
        })
    };
    let (mut terminate, mut interrupt) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    let token = CancellationToken::new();
    let cancelled = token.clone();
    tokio::spawn(async move {
        let name = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        };
        tracing::info!(signal = name, "stopping");
        cancelled.cancel();
    });
    Ok(token)
}

/// Waits for `rest` to stop, but not longer than `bound`.
pub async fn stopped_within(bound: Duration, rest: impl Future<Output = ()>) {
    match tokio::time::timeout(bound, rest).await {
        Ok(()) => tracing::info!("stopped"),
        Err(_) => tracing::warn!(
            bound_ms = bound.as_millis(),
            "stopped before everything had ended"
        ),
    }
}
