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

/// What is to be logged.
fn filter<S>(text: &str) -> Result<Box<dyn Layer<S> + Send + Sync>, ParseError>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let filter = EnvFilter::try_new(text)?;
    Ok(match targets(&filter) {
        Some(targets) => targets.boxed(),
        None => filter.boxed(),
    })
}

/// The same filter as a list of targets, which keeps no record of each span; `None` where it names spans.
fn targets(filter: &EnvFilter) -> Option<Targets> {
    // As the filter writes it: `Targets` reads other texts differently, `info,` as `error`.
    let text = filter.to_string();
    if text.contains('[') {
        return None;
    }
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::filter::LevelFilter;

    use super::*;

    #[test]
    fn a_filter_without_spans_is_a_list_of_targets_and_means_the_same() {
        let quiet = Targets::new();
        for (text, means) in [
            ("info", Some(quiet.clone().with_default(LevelFilter::INFO))),
            ("info,", Some(quiet.clone().with_default(LevelFilter::INFO))),
            ("off", Some(quiet.clone().with_default(LevelFilter::OFF))),
            (
                "shared=",
                Some(quiet.clone().with_target("shared", LevelFilter::TRACE)),
            ),
            (
                "warn,,shared=debug",
                Some(
                    quiet
                        .with_default(LevelFilter::WARN)
                        .with_target("shared", LevelFilter::DEBUG),
                ),
            ),
            ("info,[attempt]=debug", None),
            ("workers[attempt]=debug", None),
            ("[{job.id}]=debug", None),
            ("info,[attempt{n=2}]=debug", None),
        ] {
            assert_eq!(targets(&text.parse().unwrap()), means, "{text}");
        }
    }
}
