//! What an operator may set about the job store.

use std::time::Duration;

/// The job store's limits and times.
#[derive(Clone, Debug)]
pub struct JobStoreOptions {
    /// How long a claim holds without a sign of life.
    pub lease: Duration,
    /// How long an ended job is kept.
    pub retention: Duration,
    /// How long a removed job is remembered.
    pub tombstones: Duration,
    /// The host's boot: times of the boot clock mean nothing under another one (P8).
    pub boot_id: String,
    /// Connections to read with.
    pub readers: usize,
    /// Jobs that have not ended; above it none is accepted (P4).
    pub backlog_limit: u64,
    /// Bytes of the file system that only work on what was accepted may use (P4).
    pub disk_reserve_bytes: u64,
    /// Whether other processes write the same file; only then does a feed look for their changes.
    pub shared: bool,
}

impl JobStoreOptions {
    pub(super) fn lease_ms(&self) -> i64 {
        millis(self.lease)
    }

    pub(super) fn tombstones_ms(&self) -> i64 {
        millis(self.tombstones)
    }

    pub(super) fn retention_ms(&self) -> i64 {
        millis(self.retention)
    }
}

/// Milliseconds, rounded up: a back-off of half a millisecond is not none.
pub(super) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros().div_ceil(1000)).unwrap_or(i64::MAX / 4)
}
