//! How hard the adversary strikes in one run. Each run has its own temper, so that some meet one fault alone and
//! others all of them at once.

use std::sync::atomic::{AtomicBool, Ordering};

use super::dice::Dice;

/// Each fault strikes once in so many times; 0 is never.
#[derive(Clone, Debug)]
pub(super) struct Temper {
    /// A process dies before or after a transaction.
    pub(super) crash: u32,
    /// A process stands still there, perhaps for longer than a lease.
    pub(super) pause: u32,
    /// The store refuses a transaction.
    pub(super) refuse: u32,
    /// A commit fails with an unknown outcome (P3).
    pub(super) commit: u32,
    /// A wake-up is lost, repeated, delayed, or its confirm or acknowledgement is lost.
    pub(super) wakeup: u32,
    /// The log is away, or an acknowledgement or a record is lost or doubled.
    pub(super) log: u32,
    /// The longest that a transaction or a wake-up takes, in milliseconds.
    pub(super) latency_ms: u64,
    /// The longest that the log takes for a record, in milliseconds: an attempt may outlast a lease.
    pub(super) log_latency_ms: u64,
}

impl Temper {
    pub(super) fn draw(dice: &Dice) -> Self {
        Self {
            crash: *dice.pick(&[0, 0, 300, 100]),
            pause: *dice.pick(&[0, 0, 200, 60]),
            refuse: *dice.pick(&[0, 0, 60]),
            commit: *dice.pick(&[0, 0, 60, 20]),
            wakeup: *dice.pick(&[0, 10, 3]),
            log: *dice.pick(&[0, 12, 4]),
            latency_ms: *dice.pick(&[1, 20, 400]),
            log_latency_ms: *dice.pick(&[1, 50, 3_000]),
        }
    }
}

/// The adversary's hand.
pub(super) struct Faults {
    temper: Temper,
    healed: AtomicBool,
}

impl Faults {
    pub(super) fn new(temper: Temper) -> Self {
        Self {
            temper,
            healed: AtomicBool::new(false),
        }
    }

    /// From now on nothing goes wrong; what went wrong stays so until it is put right.
    pub(super) fn heal(&self) {
        self.healed.store(true, Ordering::Relaxed);
    }

    pub(super) fn temper(&self) -> &Temper {
        &self.temper
    }

    /// Whether a fault of this kind strikes now.
    pub(super) fn strike(&self, dice: &Dice, one_in: u32) -> bool {
        !self.healed.load(Ordering::Relaxed) && dice.one_in(one_in)
    }
}
