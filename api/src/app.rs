//! The composition of `api`: HTTP over the adapters of the profile, and in `embedded` the workers beside it.

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;

use shared::config::{Config, Profile};
use shared::job::Role;
use shared::telemetry::Metrics;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use workers::app::Host;
use workers::app_error::AppError;
use workers::process::{block_on, shutdown_signal, start_process, stopped_within};

use crate::gauges;
use crate::http::{self, ApiState, HttpOptions, routes};
use crate::poll::Poller;
use crate::submit::{IntakeLimits, Submitter};

/// Serves until told to stop.
///
/// # Errors
/// [`AppError`] when it cannot start.
pub fn run(config: &Config, warnings: &[String]) -> Result<(), AppError> {
    let metrics = start_process(config, warnings)?;
    block_on(serve(config, metrics))
}

async fn serve(config: &Config, metrics: Metrics) -> Result<(), AppError> {
    let host = Host::open(config)?;
    let shutdown = shutdown_signal()?;
    // Workers stop after the last request, so that a wait can still see its job end.
    let served = CancellationToken::new();
    let dispatcher = tokio::spawn(host.dispatcher().run(served.clone()));
    let upkeep = tokio::spawn(metrics.clone().run_upkeep(served.clone()));
    let log_watch = tokio::spawn(host.watch_log(served.clone()));
    let crew = match config.profile {
        Profile::Embedded => Some(tokio::spawn(
            host.crew(config, Role::ALL.to_vec()).run(served.clone()),
        )),
        Profile::Brokers => None,
    };
    let gauges = tokio::spawn(gauges::run(
        Arc::new(host.store.clone()),
        Arc::clone(&host.queue),
        served.clone(),
    ));
    let listen = |source| AppError::Listen {
        address: config.http.listen.to_string(),
        source,
    };
    let listener = TcpListener::bind(config.http.listen).await.map_err(listen)?;
    let address = listener.local_addr().map_err(listen)?;
    welcome(address, config.profile);
    let endpoint = routes(state(config, &host, metrics, shutdown.clone()));
    http::serve(listener, endpoint, shutdown, config.workers.shutdown_timeout / 2).await;
    served.cancel();
    stopped_within(config.workers.shutdown_timeout, async {
        let _ = tokio::join!(dispatcher, upkeep, log_watch, gauges);
        if let Some(crew) = crew {
            let _ = crew.await;
        }
    })
    .await;
    Ok(())
}

fn state(config: &Config, host: &Host, metrics: Metrics, shutdown: CancellationToken) -> Arc<ApiState> {
    let store = Arc::new(host.store.clone());
    let limits = IntakeLimits {
        max_events: config.intake.max_events,
        max_stream_bytes: config.intake.max_stream_bytes,
        max_line_bytes: config.intake.max_line_bytes,
        body_timeout: config.http.body_timeout,
        max_text: config.intake.max_text,
        recipients: config.mail.allowed.clone(),
    };
    let submitter = Submitter::new(
        Arc::clone(&store) as _,
        Arc::clone(&store) as _,
        Arc::clone(&store) as _,
        host.dispatch.clone(),
        Arc::clone(&host.clock),
        limits,
    );
    let poller = Poller::start(Arc::clone(&store) as _, Box::new(host.store.changes()), shutdown);
    Arc::new(ApiState {
        submitter: Arc::new(submitter),
        poller,
        reader: Arc::clone(&store) as _,
        schedules: Arc::clone(&store) as _,
        control: store,
        dispatch: host.dispatch.clone(),
        health: host.health(),
        metrics: Arc::new(move || metrics.text()),
        clock: Arc::clone(&host.clock),
        settings: HttpOptions {
            public_url: config.http.public_url.clone(),
            max_body_bytes: config.http.max_body_bytes,
            max_stream_bytes: config.intake.max_stream_bytes,
            body_timeout: config.http.body_timeout,
            recipients: config.mail.allowed.clone(),
        },
    })
}

/// Tells the person at the terminal what to do next.
fn welcome(address: SocketAddr, profile: Profile) {
    if !address.ip().is_loopback() {
        tracing::warn!(%address, "listening beyond this host, and there is no authentication yet");
    }
    let how = match profile {
        Profile::Embedded => "the whole product in this process",
        Profile::Brokers => "start `workers` beside it to get jobs done",
    };
    let text = format!(
        "\nCensus listens on http://{address} ({how})\n\
         \x20 try it by hand   http://{address}/docs\n\
         \x20 submit           curl -X POST 'http://{address}/submit/10'\n\
         \x20 report           curl -X POST 'http://{address}/report'\n\
         \x20 read a job       curl 'http://{address}/jobs/<id>?wait=10'\n\n"
    );
    // A closed standard output is no reason not to serve.
    let _ = std::io::stdout().write_all(text.as_bytes());
}
