//! Logs and metrics of a process. Traces cross both brokers as [`crate::wire::TraceContext`].

mod logs;
mod metrics;
mod refusal;

pub use logs::{LogFault, start_logs};
pub use metrics::{Metrics, MetricsFault};
pub use refusal::{EXIT_FAILURE, EXIT_USAGE, refuse_to_start};
