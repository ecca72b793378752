//! Logs: lower-case messages that stand alone, with dotted fields, on standard error.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::TryInitError;
use tracing_subscriber::{filter::ParseError, layer::SubscriberExt, util::SubscriberInitExt};

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
    let filter = EnvFilter::try_new(&settings.filter)?;
    let registry = tracing_subscriber::registry().with(filter);
    let lines = tracing_subscriber::fmt::layer().with_writer(stderr);
    match settings.format {
        LogFormat::Text => registry
            .with(lines.with_ansi(stderr().is_terminal()))
            .try_init()?,
        LogFormat::Json => registry.with(lines.json().flatten_event(true)).try_init()?,
    }
    Ok(())
}
