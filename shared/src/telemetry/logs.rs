//! Logs: lower-case messages that stand alone, with dotted fields, on standard error.

use std::io::{IsTerminal, stderr};

use tracing::Subscriber;
use tracing_subscriber::filter::{ParseError, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{EnvFilter, Layer};

use crate::config::{LogFormat, LogSettings};

/// Logs that cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum LogFault {
    /// The filter makes no sense.
    #[error("the log's filter makes no sense")]
    Filter(#[from] ParseError),
    /// Somebody started logs before.
    #[error("logs were started already")]
    Started(#[from] TryInitError),
}

/// Starts the logs of this process.
///
/// # Errors
/// [`LogFault`].
pub fn start_logs(settings: &LogSettings) -> Result<(), LogFault> {
    let registry = tracing_subscriber::registry().with(filter(&settings.filter)?);
    let lines = tracing_subscriber::fmt::layer().with_writer(stderr);
    match settings.format {
        LogFormat::Text => registry
            .with(lines.with_ansi(stderr().is_terminal()))
            .try_init()?,
        LogFormat::Json => registry.with(lines.json().flatten_event(true)).try_init()?,
    }
    Ok(())
}

/// What is to be logged. A filter that names no span is a list of targets, which keeps no record of each span.
fn filter<S>(text: &str) -> Result<Box<dyn Layer<S> + Send + Sync>, ParseError>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    if let Ok(targets) = text.parse::<Targets>() {
        return Ok(targets.boxed());
    }
    Ok(EnvFilter::try_new(text)?.boxed())
}
