//! Each broken rule is noticed by the simulation, and the same seeds break nothing when the rule is kept.

use shared::mutant::Mutant;

use super::run::{find_broken, play};

/// Seeds within which a mutant must be noticed. They are the same in every build: a mutant that is noticed once is
/// noticed for good, until somebody changes the protocol or the simulation.
const SEEDS: u64 = 1_000;

/// The mutant that breaks nothing: it leaves a second guard alone.
const HARMLESS: Mutant = Mutant::NoLeaseCheck;

#[test]
fn explore() {
    for mutant in Mutant::ALL {
        let found = find_broken(0, SEEDS / 3, Some(mutant));
        let what = found.map(|seed| play(seed, Some(mutant), true).violation.unwrap());
        eprintln!("{mutant:?} {found:?} {:.150}", what.unwrap_or_default());
    }
}
