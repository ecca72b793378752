//! Logs and metrics of a process. Traces cross both brokers as [`crate::wire::TraceContext`].

mod logs;
mod metrics;

pub use logs::{LogFault, start_logs};
pub use metrics::{Metrics, MetricsFault};
