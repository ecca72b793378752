//! Full-jitter exponential back-off: how long a task, or a reconnect, waits after a transient failure.

use std::time::Duration;

use rand::RngExt;

use crate::chance;

/// Doubles a ceiling with each try and draws the delay below it.
///
/// Full jitter keeps a hundred tasks that failed together from returning together.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    /// The ceiling after the first failure.
    pub base: Duration,
    /// The ceiling never exceeds this.
    pub max: Duration,
}

impl Backoff {
    /// For tasks: 100 ms doubling to 30 s.
    pub const TASK: Self = Self {
        base: Duration::from_millis(100),
        max: Duration::from_secs(30),
    };
    /// For connections to a broker: 100 ms doubling to 2 s, so that a broker's return is noticed soon.
    pub const RECONNECT: Self = Self {
        base: Duration::from_millis(100),
        max: Duration::from_secs(2),
    };

    /// The highest delay before try number `failures` + 1.
    #[must_use]
    pub fn ceiling(&self, failures: u32) -> Duration {
        let factor = 1_u32
            .checked_shl(failures.saturating_sub(1).min(31))
            .unwrap_or(u32::MAX);
        self.base.saturating_mul(factor).min(self.max)
    }

    /// A delay drawn evenly between half a millisecond and the ceiling.
    #[must_use]
    pub fn draw(&self, failures: u32) -> Duration {
        let ceiling_us = u64::try_from(self.ceiling(failures).as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(chance::draw(|random| {
            random.random_range(500..=ceiling_us.max(500))
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ceiling_doubles_up_to_its_maximum() {
        let ceilings: Vec<_> = (1..=12).map(|n| Backoff::TASK.ceiling(n).as_millis()).collect();
        assert_eq!(
            ceilings,
            [
                100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 30000, 30000, 30000
            ]
        );
        assert_eq!(Backoff::TASK.ceiling(u32::MAX), Backoff::TASK.max);
    }

    #[test]
    fn a_drawn_delay_stays_under_its_ceiling() {
        for failures in 0..40 {
            assert!(Backoff::TASK.draw(failures) <= Backoff::TASK.ceiling(failures));
        }
    }
}
