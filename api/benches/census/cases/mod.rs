//! The cases, in the order of the table; each measures one claim.

mod accept_latency;
mod accept_rate;
mod deployment;
mod drain;
mod import;
mod memory_import;
mod memory_queued;
mod report_after;
mod report_size;
mod start;
mod submit_latency;
mod waiters;

use std::fmt;

use clap::ValueEnum;
use serde::{Serialize, Serializer};

use crate::plan::Plan;
use crate::row::Row;

/// A case, by the name that the command line takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Case {
    /// Durable accepts a second beside a handler that stores nothing.
    AcceptRate,
    /// Latency of accepts that come 200 times a second, beside one flush.
    AcceptLatency,
    /// From a submit to its success, as a waiting client sees it.
    SubmitLatency,
    /// A store full of queued jobs, done by two workers.
    Drain,
    /// A long import, until it is published and until it is counted, beside Kafka's own producer.
    Import,
    /// A report over ever more events.
    ReportSize,
    /// From a submit to the report that includes it.
    ReportAfter,
    /// Memory of `api` while it takes in a long import.
    MemoryImport,
    /// Memory of `api` while jobs queue up.
    MemoryQueued,
    /// Ten thousand clients that wait for one job.
    Waiters,
    /// From the start on an empty folder to the first `202`.
    Start,
}

impl Case {
    /// Measures it.
    pub(crate) async fn run(self, plan: &Plan) -> Vec<Row> {
        match self {
            Self::AcceptRate => accept_rate::run(plan).await,
            Self::AcceptLatency => accept_latency::run(plan).await,
            Self::SubmitLatency => submit_latency::run(plan).await,
            Self::Drain => drain::run(plan).await,
            Self::Import => import::run(plan).await,
            Self::ReportSize => report_size::run(plan).await,
            Self::ReportAfter => report_after::run(plan).await,
            Self::MemoryImport => memory_import::run(plan).await,
            Self::MemoryQueued => memory_queued::run(plan).await,
            Self::Waiters => waiters::run(plan).await,
            Self::Start => start::run(plan).await,
        }
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.to_possible_value().expect("no case is hidden");
        f.write_str(value.get_name())
    }
}

impl Serialize for Case {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
