//! The host's two clocks over the runtime's simulated time (P8).

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};

use shared::ports::Clock;
use shared::time::Timestamp;
use tokio::time::Instant;

/// 2027-01-15T08:00:00Z.
const WALL_START_MS: i64 = 1_800_000_000_000;
/// A host that has just booted: a lease of the boot before would be far in the future.
const BOOT_START_MS: i64 = 1_000;

pub(super) struct SimClock {
    started: Instant,
    booted: Mutex<(Instant, u32)>,
    jumped_ms: AtomicI64,
    /// The latest that the wall clock said when a boot began.
    boot_wall_ms: AtomicI64,
}

impl SimClock {
    pub(super) fn new() -> Self {
        let started = Instant::now();
        Self {
            started,
            booted: Mutex::new((started, 1)),
            jumped_ms: AtomicI64::new(0),
            boot_wall_ms: AtomicI64::new(WALL_START_MS),
        }
    }

    /// Milliseconds since the run began.
    pub(super) fn elapsed_ms(&self) -> u128 {
        self.started.elapsed().as_millis()
    }

    /// The wall clock alone jumps.
    pub(super) fn jump_wall(&self, ms: i64) {
        self.jumped_ms.fetch_add(ms, Ordering::Relaxed);
    }

    /// P8: whether a boot began when the wall clock said `time` or later. It may have been put back since.
    pub(super) fn has_booted_after(&self, time: Timestamp) -> bool {
        self.boot_wall_ms.load(Ordering::Relaxed) >= time.as_millis()
    }

    /// Another boot begins.
    pub(super) fn boot(&self) {
        self.boot_wall_ms
            .fetch_max(self.wall().as_millis(), Ordering::Relaxed);
        let mut booted = self.booted.lock().unwrap_or_else(PoisonError::into_inner);
        *booted = (Instant::now(), booted.1 + 1);
    }

    pub(super) fn boot_id(&self) -> String {
        let booted = self.booted.lock().unwrap_or_else(PoisonError::into_inner);
        format!("boot-{}", booted.1)
    }
}

impl Clock for SimClock {
    fn wall(&self) -> Timestamp {
        let passed_ms = i64::try_from(self.elapsed_ms()).unwrap();
        Timestamp::from_millis(WALL_START_MS + passed_ms + self.jumped_ms.load(Ordering::Relaxed))
    }

    fn boot_ms(&self) -> i64 {
        let booted = self.booted.lock().unwrap_or_else(PoisonError::into_inner);
        BOOT_START_MS + i64::try_from(booted.0.elapsed().as_millis()).unwrap()
    }
}
