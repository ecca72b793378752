//! Metrics for Prometheus.

use std::time::Duration;

use ::metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tokio_util::sync::CancellationToken;

/// From half a millisecond to a minute: a flush is the smallest thing that is measured, a lease the largest.
const SECONDS: &[f64] = &[
    0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
];
/// Members of a batch.
const SIZES: &[f64] = &[1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0];
/// How often old samples are folded together.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// Metrics that cannot be started.
#[derive(Debug, thiserror::Error)]
#[error("metrics cannot be started")]
pub struct MetricsFault(#[from] BuildError);

/// The recorder of this process. Cheap to clone.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

impl Metrics {
    /// Starts to record.
    ///
    /// # Errors
    /// [`MetricsFault`] when a recorder was started before.
    pub fn start() -> Result<Self, MetricsFault> {
        let handle = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), SECONDS)?
            .set_buckets_for_metric(Matcher::Suffix("_size".into()), SIZES)?
            .install_recorder()?;
        describe();
        Ok(Self(handle))
    }

    /// All metrics in the text format of Prometheus.
    #[must_use]
    pub fn text(&self) -> String {
        self.0.render()
    }

    /// Keeps memory bounded until `shutdown`.
    pub async fn run_upkeep(self, shutdown: CancellationToken) {
        let mut ticks = tokio::time::interval(UPKEEP_EVERY);
        while shutdown.run_until_cancelled(ticks.tick()).await.is_some() {
            self.0.run_upkeep();
        }
    }
}

fn describe() {
    describe_histogram!(
        "census_store_commit_seconds",
        Unit::Seconds,
        "One batch of the store's writer, begin to commit."
    );
    describe_histogram!(
        "census_store_turn_wait_seconds",
        Unit::Seconds,
        "Wait for this process's turn at the store's file."
    );
    describe_histogram!("census_store_batch_size", Unit::Count, "Callers in one commit.");
    describe_histogram!(
        "census_publish_seconds",
        Unit::Seconds,
        "One batch of events, to the last delivery."
    );
    describe_histogram!(
        "census_fold_seconds",
        Unit::Seconds,
        "One batch of the projection."
    );
    describe_counter!(
        "census_wakeups_sent_total",
        Unit::Count,
        "Wake-ups that the queue confirmed."
    );
    describe_counter!(
        "census_attempts_total",
        Unit::Count,
        "Attempts by kind and outcome."
    );
    describe_counter!(
        "census_events_published_total",
        Unit::Count,
        "Deliveries that the log acknowledged."
    );
    describe_counter!(
        "census_events_folded_total",
        Unit::Count,
        "Events that were new to the projection."
    );
    describe_counter!(
        "census_schedule_slots_total",
        Unit::Count,
        "Slots of schedules that became a job, or were left out."
    );
    describe_counter!(
        "census_mails_total",
        Unit::Count,
        "Handovers to the mail server by what became of them."
    );
    describe_gauge!(
        "census_jobs",
        Unit::Count,
        "Jobs that have not ended, by kind and state."
    );
    describe_gauge!(
        "census_queue_depth",
        Unit::Count,
        "Messages that wait in a queue."
    );
    describe_gauge!(
        "census_quarantined_records",
        Unit::Count,
        "Records in quarantine that no later record has corrected."
    );
    describe_gauge!(
        "census_dead_messages",
        Unit::Count,
        "Messages in the dead queue: none could be read as a wake-up."
    );
    describe_gauge!(
        "census_projection_lag",
        Unit::Count,
        "Records of a partition that are not folded yet."
    );
}
