//! The wall clock and the boot clock of the operating system (P8).

use std::time::{SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};

use crate::ports::Clock;
use crate::time::Timestamp;

/// The clocks of this host.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the adapter of the Clock port")]
    fn wall(&self) -> Timestamp {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX))
    }

    fn boot_ms(&self) -> i64 {
        let now = clock_gettime(ClockId::Boottime);
        now.tv_sec * 1000 + now.tv_nsec / 1_000_000
    }
}
