//! Figures: one sample for each repetition, and the percentiles of many latencies.

use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::progress::say;

/// The samples of one figure, one for each repetition.
#[derive(Clone, Debug, Default)]
pub(crate) struct Samples(Vec<f64>);

impl Samples {
    pub(crate) fn push(&mut self, value: f64) {
        self.0.push(value);
    }

    /// The middle one, or the mean of the two in the middle.
    pub(crate) fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        match sorted.len() {
            0 => f64::NAN,
            n if n % 2 == 1 => sorted[middle],
            _ => (sorted[middle - 1] + sorted[middle]) / 2.0,
        }
    }

    pub(crate) fn smallest(&self) -> f64 {
        self.0.iter().copied().fold(f64::INFINITY, f64::min)
    }

    pub(crate) fn largest(&self) -> f64 {
        self.0.iter().copied().fold(f64::NEG_INFINITY, f64::max)
    }
}

impl FromIterator<f64> for Samples {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        Self(values.into_iter().collect())
    }
}

impl Serialize for Samples {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// Latencies of one repetition.
#[derive(Debug, Default)]
pub(crate) struct Latencies(Vec<Duration>);

impl Latencies {
    pub(crate) fn push(&mut self, latency: Duration) {
        self.0.push(latency);
    }

    /// The latency in milliseconds that `share` of all do not exceed (nearest rank).
    pub(crate) fn percentile_ms(&self, share: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let rank = (share * sorted.len() as f64).ceil() as usize;
        sorted
            .get(rank.saturating_sub(1))
            .map_or(f64::NAN, |latency| latency.as_secs_f64() * 1e3)
    }
}

impl FromIterator<Duration> for Latencies {
    fn from_iter<I: IntoIterator<Item = Duration>>(latencies: I) -> Self {
        Self(latencies.into_iter().collect())
    }
}

/// The percentiles of a latency that the table shows, one sample of each for each repetition.
#[derive(Debug, Default)]
pub(crate) struct Percentiles {
    pub(crate) p50: Samples,
    pub(crate) p99: Samples,
}

impl Percentiles {
    /// Adds those of one repetition, and says how they are on the way.
    pub(crate) fn push(&mut self, what: &str, latencies: &Latencies) {
        let (p50, p99) = (latencies.percentile_ms(0.5), latencies.percentile_ms(0.99));
        say(&format!("{what}: p50 {p50:.2} ms, p99 {p99:.2} ms"));
        self.p50.push(p50);
        self.p99.push(p99);
    }
}
