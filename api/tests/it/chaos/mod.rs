//! Chaos: real processes and brokers, clients that write down everything, every fault in turn and two at a time, and
//! one checker at the end.
//!
//! `CENSUS_CHAOS_SEED` replays the order of requests and faults (what they meet is up to the machine),
//! `CENSUS_CHAOS_MINUTES` lengthens the storm. `just chaos` does both. Of a run that fails all notes are kept.

mod checker;
mod client;
mod disk;
mod faults;
mod figures;
mod history;
mod load;
mod observer;
mod storm;
mod tail;
mod watch;
mod world;

use std::time::Duration;

use self::world::{NAME, World};
use crate::truth::Log;

/// As long as CI has.
const SHORT: Duration = Duration::from_secs(60);

#[test]
fn a_storm_loses_nothing_and_counts_nothing_twice() {
    let seed = setting("CENSUS_CHAOS_SEED").unwrap_or_else(rand::random);
    let length = setting("CENSUS_CHAOS_MINUTES").map_or(SHORT, |minutes| Duration::from_secs(60 * minutes));
    let notes = tempfile::tempdir()
        .expect("the system has room for a folder")
        .keep();
    say(&format!(
        "CENSUS_CHAOS_SEED={seed}, {} s, notes in {}",
        length.as_secs(),
        notes.display()
    ));
    let world = World::start(&notes, length);
    let history = notes.join("history.jsonl");
    storm::run(&world, seed, length, &history);
    let log = Log::of_kafka(world.brokers.addresses().kafka_brokers(), NAME);
    let broken = checker::check(&history::read(&history), &log);
    assert!(
        broken.is_empty(),
        "CENSUS_CHAOS_SEED={seed}, {}:\n{}",
        notes.display(),
        broken.join("\n")
    );
    tail::cut_off(&world);
    std::fs::remove_dir_all(&notes).expect("the notes are ours");
}

/// Tells the person who runs it.
#[expect(clippy::print_stderr, reason = "a storm is long, and its seed has to be seen")]
fn say(text: &str) {
    eprintln!("storm: {text}");
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test has no configuration but the environment"
)]
fn setting(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(
        value
            .parse()
            .unwrap_or_else(|_| panic!("{name} must be a number, and is {value}")),
    )
}
