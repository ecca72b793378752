//! What every case is given: how long it may take, what it measures, and where.

use std::ops::Range;

use crate::arguments::Arguments;
use crate::ground::Ground;
use crate::process::Programs;
use crate::product;

/// Repetitions of a case, at least, in the long form.
const REPETITIONS: u16 = 5;
const SHORT_REPETITIONS: u16 = 2;

/// The plan of a run.
pub(crate) struct Plan {
    /// Whether this is the short form.
    pub(crate) short: bool,
    /// How often each case is measured.
    pub(crate) repetitions: u16,
    /// Where data folders are made.
    pub(crate) ground: Ground,
    /// The programs under test.
    pub(crate) programs: Programs,
}

impl Plan {
    /// The plan for these arguments, with the product built.
    pub(crate) fn new(arguments: &Arguments) -> Self {
        let target = product::target_folder();
        let data = arguments
            .data
            .clone()
            .unwrap_or_else(|| target.join("bench/data"));
        let ground = Ground::open(&data);
        let programs = product::build(&target, &ground, &arguments.log);
        let usual = if arguments.short {
            SHORT_REPETITIONS
        } else {
            REPETITIONS
        };
        Self {
            short: arguments.short,
            repetitions: arguments.repetitions.unwrap_or(usual),
            ground,
            programs,
        }
    }

    /// The size for this form.
    pub(crate) fn pick<T>(&self, long: T, short: T) -> T {
        if self.short { short } else { long }
    }

    /// The repetitions, from 0.
    pub(crate) fn repetitions(&self) -> Range<u16> {
        0..self.repetitions
    }
}
