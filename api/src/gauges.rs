//! Gauges of the store and the queue, looked up every few seconds so that a scrape never waits for them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use metrics::gauge;
use shared::job::QueueName;
use shared::ports::{JobQueue, JobReader};
use tokio_util::sync::CancellationToken;

/// How often the gauges are looked up.
const EVERY: Duration = Duration::from_secs(2);

/// Keeps the gauges until `shutdown`.
pub(crate) async fn run(reader: Arc<dyn JobReader>, queue: Arc<dyn JobQueue>, shutdown: CancellationToken) {
    let mut ticks = tokio::time::interval(EVERY);
    let mut shown = BTreeSet::new();
    while shutdown.run_until_cancelled(ticks.tick()).await.is_some() {
        if let Ok(open) = reader.open_jobs().await {
            // A pair that is gone has to show zero, not its last number.
            for (kind, state) in &shown {
                gauge!("census_jobs", "kind" => *kind, "state" => *state).set(0.0);
            }
            for (kind, state, jobs) in open {
                shown.insert((kind, state.as_str()));
                gauge!("census_jobs", "kind" => kind, "state" => state.as_str()).set(jobs as f64);
            }
        }
        for name in QueueName::ALL {
            if let Ok(depth) = queue.depth(name).await {
                gauge!("census_queue_depth", "queue" => name.as_str()).set(depth as f64);
            }
        }
    }
}
