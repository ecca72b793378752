//! Runs seeds: one alone, or many on all cores.

use std::num::NonZero;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use shared::mutant::{self, Mutant};
use shared::testing::seed_chance;

use super::history::Record;
use super::scenario::Scenario;
use super::world::World;

/// Plays the run of this seed on this thread, all of it in simulated time.
pub(super) fn play(seed: u64, mutant: Option<Mutant>, recording: bool) -> Record {
    seed_chance(Some(seed));
    mutant::switch(mutant);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    let record = runtime.block_on(async {
        let world = World::new(seed, recording);
        Scenario::new(Arc::clone(&world)).play().await;
        Arc::clone(&world.history).into_record()
    });
    drop(runtime);
    mutant::switch(None);
    seed_chance(None);
    record
}

/// The lowest seed found among `count` from `first` on that breaks a rule; not all are run once one is found.
pub(super) fn find_broken(first: u64, count: u64) -> Option<u64> {
    let next = AtomicU64::new(0);
    let found = AtomicBool::new(false);
    let broken = Mutex::new(None);
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, NonZero::get) {
            scope.spawn(|| {
                while !found.load(Ordering::Relaxed) {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    if place >= count {
                        return;
                    }
                    let seed = first.wrapping_add(place);
                    if play(seed, None, false).violation.is_some() {
                        found.store(true, Ordering::Relaxed);
                        let mut broken = broken.lock().unwrap();
                        *broken = Some(broken.map_or(seed, |known: u64| known.min(seed)));
                    }
                }
            });
        }
    });
    broken.into_inner().unwrap()
}
