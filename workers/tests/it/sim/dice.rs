//! All chance of a run: one seeded generator for the adversary, the scenario and the clients.

use std::ops::RangeInclusive;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

pub(super) struct Dice(Mutex<ChaCha8Rng>);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(Mutex::new(ChaCha8Rng::seed_from_u64(seed)))
    }

    /// True once in `n` times; never for 0.
    pub(super) fn one_in(&self, n: u32) -> bool {
        n > 0 && self.below(n) == 0
    }

    pub(super) fn below(&self, n: u32) -> u32 {
        self.with(|random| random.random_range(0..n))
    }

    pub(super) fn within(&self, range: RangeInclusive<u64>) -> u64 {
        self.with(|random| random.random_range(range))
    }

    pub(super) fn pick<'a, T>(&self, of: &'a [T]) -> &'a T {
        let place = self.with(|random| random.random_range(0..of.len()));
        &of[place]
    }

    /// A time of so many milliseconds.
    pub(super) fn millis(&self, range: RangeInclusive<u64>) -> Duration {
        Duration::from_millis(self.within(range))
    }

    fn with<T>(&self, draw: impl FnOnce(&mut ChaCha8Rng) -> T) -> T {
        draw(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
