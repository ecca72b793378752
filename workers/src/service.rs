//! Keeps a service of a process running: one that panics is begun anew, and says so.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use shared::job::Backoff;
use tokio_util::sync::CancellationToken;

/// Runs the service that `begin` makes until it returns. What it held when it panicked lapses.
pub(crate) async fn keep_running<F>(
    service: &'static str,
    shutdown: CancellationToken,
    mut begin: impl FnMut() -> F,
) where
    F: Future<Output = ()>,
{
    let mut panics = 0;
    while AssertUnwindSafe(begin()).catch_unwind().await.is_err() {
        panics += 1;
        // The hook of the process has already written where it happened.
        tracing::error!(service, panics, "a service panicked and is begun anew");
        metrics::counter!("census_service_panics_total", "service" => service).increment(1);
        let pause = tokio::time::sleep(Backoff::RECONNECT.draw(panics));
        if shutdown.run_until_cancelled(pause).await.is_none() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_service_that_panics_is_begun_anew_until_it_returns() {
        let mut begun = 0;
        let service = || {
            begun += 1;
            let panics = begun < 3;
            async move { assert!(!panics, "a test") }
        };
        keep_running("test", CancellationToken::new(), service).await;
        assert_eq!(begun, 3);
    }
}
