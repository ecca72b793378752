//! The runs of every build: many new seeds, each of which must break no rule and play the same way twice.

use std::time::Instant;

use super::run::{find_broken, play};

/// About a minute of two cores.
const SEEDS: u64 = 1_000;

#[test]
fn no_seed_breaks_a_rule() {
    if let Some(seed) = setting("CENSUS_SIM_SEED") {
        let record = play(seed, None, true);
        assert!(record.violation.is_none(), "{record}");
        show(format_args!("{record}"));
        return;
    }
    let count = setting("CENSUS_SIM_SEEDS").unwrap_or(SEEDS);
    let first: u64 = rand::random();
    show(format_args!("simulating {count} seeds from {first} on"));
    let started = Instant::now();
    if let Some(seed) = find_broken(first, count) {
        panic!(
            "seed {seed} (CENSUS_SIM_SEED={seed} replays it):\n{}",
            play(seed, None, true)
        );
    }
    let minutes = started.elapsed().as_secs_f64() / 60.0;
    show(format_args!("{:.0} seeds a minute", count as f64 / minutes));
}

#[test]
fn a_seed_plays_the_same_way_twice() {
    for seed in 0..20 {
        let (first, second) = (play(seed, None, true), play(seed, None, true));
        let differs = first
            .lines
            .iter()
            .zip(&second.lines)
            .find(|(one, other)| one != other);
        assert_eq!(differs, None, "seed {seed}");
        assert_eq!(first.lines.len(), second.lines.len(), "seed {seed}");
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a person replays a run of the tests by it"
)]
fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().unwrap())
}

#[expect(
    clippy::print_stderr,
    reason = "the seeds of a run are for whoever replays it"
)]
fn show(what: std::fmt::Arguments<'_>) {
    eprintln!("{what}");
}
