//! A fixed pace, whatever happens: what a limit has in common with the load beside it.

use std::time::{Duration, Instant};

use crate::measure::Latencies;

/// Calls `act` with 0, 1, 2, … so many `times`, `rate` times a second; it says how long it took.
pub(crate) fn at_rate(rate: u32, times: u64, mut act: impl FnMut(u64) -> Duration) -> Latencies {
    let every = Duration::from_secs(1) / rate;
    let mut next = Instant::now();
    (0..times)
        .map(|n| {
            next += every;
            while let Some(rest) = next.checked_duration_since(Instant::now())
                && !rest.is_zero()
            {
                std::thread::park_timeout(rest);
            }
            act(n)
        })
        .collect()
}
