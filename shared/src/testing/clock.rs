//! A clock that stands still until a test moves it, the wall and the boot clock apart (P8).

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::ports::Clock;
use crate::time::Timestamp;

/// Two clocks that only a test moves.
#[derive(Debug)]
pub struct ManualClock {
    wall_ms: AtomicI64,
    boot_ms: AtomicI64,
}

impl ManualClock {
    /// The wall clock's first reading: 2027-01-15T08:00:00Z.
    pub const WALL_START_MS: i64 = 1_800_000_000_000;
    /// The boot clock's first reading: a host that has been up for a day.
    pub const BOOT_START_MS: i64 = 86_400_000;

    /// Lets time pass: both clocks move alike.
    pub fn pass(&self, time: Duration) {
        let ms = i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        self.wall_ms.fetch_add(ms, Ordering::SeqCst);
        self.boot_ms.fetch_add(ms, Ordering::SeqCst);
    }

    /// The wall clock alone jumps, by this many milliseconds, back when they are negative.
    pub fn jump_wall(&self, ms: i64) {
        self.wall_ms.fetch_add(ms, Ordering::SeqCst);
    }

    /// The boot clock stands at `ms`, as after a boot.
    pub fn set_boot(&self, ms: i64) {
        self.boot_ms.store(ms, Ordering::SeqCst);
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self {
            wall_ms: AtomicI64::new(Self::WALL_START_MS),
            boot_ms: AtomicI64::new(Self::BOOT_START_MS),
        }
    }
}

impl Clock for ManualClock {
    fn wall(&self) -> Timestamp {
        Timestamp::from_millis(self.wall_ms.load(Ordering::SeqCst))
    }

    fn boot_ms(&self) -> i64 {
        self.boot_ms.load(Ordering::SeqCst)
    }
}
