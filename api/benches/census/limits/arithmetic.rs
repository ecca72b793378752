//! The limit of a latency that nobody can see who waits for a disk: how steadily the processor works when it is woken
//! for a little work at a time. On a virtual machine whose host has others to serve, it does not.

use std::hint::black_box;
use std::time::{Duration, Instant};

use crate::limits::pace::at_rate;
use crate::measure::Latencies;

/// About a third of what an accept takes at that pace.
const WORK: Duration = Duration::from_micros(300);

/// Does the same arithmetic `rate` times a second, without disk, network or a second thread; each is timed.
pub(crate) fn arithmetic_at_rate(rate: u32, times: u64) -> Latencies {
    let rounds = calibrated();
    at_rate(rate, times, |_| {
        let began = Instant::now();
        black_box(arithmetic(rounds));
        began.elapsed()
    })
}

/// Rounds that take as long as [`WORK`] when nothing disturbs them.
fn calibrated() -> u64 {
    const ROUNDS: u64 = 100_000;
    let quickest = (0..100)
        .map(|_| {
            let began = Instant::now();
            black_box(arithmetic(ROUNDS));
            began.elapsed()
        })
        .min()
        .expect("it is tried a hundred times");
    let each_s = quickest.as_secs_f64() / ROUNDS as f64;
    (WORK.as_secs_f64() / each_s) as u64
}

fn arithmetic(rounds: u64) -> u64 {
    (0..rounds).fold(0, |sum: u64, n| black_box(sum.wrapping_mul(31).wrapping_add(n)))
}
