//! Why a process of Census cannot start or go on, for the person at the terminal.

use std::error::Error as StdError;

use shared::adapters::system::DataDirError;
use shared::telemetry::{LogFault, MetricsFault};

/// A process that cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// Logs.
    #[error(transparent)]
    Logs(#[from] LogFault),
    /// Metrics.
    #[error(transparent)]
    Metrics(#[from] MetricsFault),
    /// The data folder.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// One of the parts that every process has.
    #[error("{what} cannot be opened")]
    Open {
        /// Which part.
        what: &'static str,
        /// What it said.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: choose another address with --listen, port 0 takes a free one")]
    Listen {
        /// The address.
        address: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The profile has no worker processes of its own.
    #[error("the profile `embedded` runs inside `api`: start `api` alone, or give both --profile brokers")]
    NoWorkers,
    /// The profile has no dead queue.
    #[error(
        "the profile `embedded` has no dead queue: its wake-ups never leave the process; give --profile brokers"
    )]
    NoDeadQueue,
    /// The operating system.
    #[error("the operating system refused {what}")]
    System {
        /// What was asked for.
        what: &'static str,
        /// What it said.
        #[source]
        source: std::io::Error,
    },
}
