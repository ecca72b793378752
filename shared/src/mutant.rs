//! Rules that a test breaks on purpose, to see that the suite notices. A build without the feature `mutants` has
//! no trace of them: every switch is a constant `false`.

/// One broken rule (protocol.md). The switch stands where the rule is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutant {
    /// An outcome is written whoever holds the lease.
    SkipFence,
    /// A delivery is acknowledged before its claim is committed.
    AcknowledgeBeforeCommit,
    /// Every event counts, whether or not it was counted before.
    DropDeduplication,
    /// The de-duplication remembers what a batch counted although the batch was rolled back.
    KeepMemoryOverRollback,
    /// The offsets are committed before the counts.
    CommitOffsetsFirst,
    /// Positions are moved from wherever they are, by whoever comes. The projector's lease, which covers the same
    /// failure, is not looked at either.
    NoCompareAndSet,
    /// The projector's lease is not looked at when a batch is folded. The compare-and-set covers the same failure:
    /// this one breaks nothing, and proves that the other one does not hide behind the lease.
    NoLeaseCheck,
    /// Who takes the projector's lease goes on from the positions that it knew before.
    NoReloadAtTakeOver,
    /// A write is answered whatever becomes of its commit.
    AnswerBeforeCommit,
    /// The end of a task is not flushed.
    EndAtNormal,
    /// A submit succeeds although some of its deliveries were not acknowledged.
    CompletionBeforeAcknowledgements,
    /// A report takes its bound before the jobs that it waits for have ended.
    BoundBeforeAfterEnded,
    /// A report reads its counts in one snapshot and its offsets in another.
    TwoSnapshots,
    /// A task that backs off does not look whether its job is being cancelled.
    CancelForgetsBackOff,
    /// A report that parks does not look whether its job is being cancelled.
    CancelForgetsPark,
    /// The cancel of a job with a leased task leaves its other tasks alone.
    CancelForgetsSecondTask,
    /// What was sent to any queue counts against the window of each.
    OneWindow,
}

impl Mutant {
    /// Every mutant.
    pub const ALL: [Self; 17] = [
        Self::SkipFence,
        Self::AcknowledgeBeforeCommit,
        Self::DropDeduplication,
        Self::KeepMemoryOverRollback,
        Self::CommitOffsetsFirst,
        Self::NoCompareAndSet,
        Self::NoLeaseCheck,
        Self::NoReloadAtTakeOver,
        Self::AnswerBeforeCommit,
        Self::EndAtNormal,
        Self::CompletionBeforeAcknowledgements,
        Self::BoundBeforeAfterEnded,
        Self::TwoSnapshots,
        Self::CancelForgetsBackOff,
        Self::CancelForgetsPark,
        Self::CancelForgetsSecondTask,
        Self::OneWindow,
    ];

    /// The rule that is broken.
    #[must_use]
    pub const fn rule(self) -> &'static str {
        match self {
            Self::SkipFence => "P7: every fenced write compares token and nonce",
            Self::AcknowledgeBeforeCommit => "P6: acknowledge after the claim is committed",
            Self::DropDeduplication => "P15: each event counts once",
            Self::KeepMemoryOverRollback => "P15: what is remembered changes only after the commit",
            Self::CommitOffsetsFirst => "P15: counts and offsets are one transaction",
            Self::NoCompareAndSet => "P16: fenced by the compare-and-set of the offsets",
            Self::NoLeaseCheck => "P16: the compare-and-set needs no lease",
            Self::NoReloadAtTakeOver => "P16: who takes over reloads offsets and state first",
            Self::AnswerBeforeCommit => "P1, P3: the answer follows the commit",
            Self::EndAtNormal => "P2: every end of a task is flushed",
            Self::CompletionBeforeAcknowledgements => {
                "design 4: a submit has succeeded when all of its events are acknowledged"
            }
            Self::BoundBeforeAfterEnded => "P21: the bound is taken after the awaited jobs have ended",
            Self::TwoSnapshots => "design 7: counters and offsets are read in one snapshot",
            Self::CancelForgetsBackOff | Self::CancelForgetsPark => {
                "P14: every way out of `leased` looks at the job"
            }
            Self::CancelForgetsSecondTask => "P14: a cancel ends every task that is not leased",
            Self::OneWindow => "P5: a window for each queue",
        }
    }
}

#[cfg(not(feature = "mutants"))]
mod switch {
    use super::Mutant;

    /// Whether the rule is broken: never in this build.
    #[must_use]
    #[inline(always)]
    pub const fn on(_mutant: Mutant) -> bool {
        false
    }

    /// The value as it is now: always in this build.
    #[inline(always)]
    pub fn stale<T>(_mutant: Mutant, _owner: &str, now: T) -> T {
        now
    }

    /// Whether a rolled back transaction left this name behind: never in this build.
    #[must_use]
    #[inline(always)]
    pub const fn met_before(_mutant: Mutant, _name: &dyn std::fmt::Display) -> bool {
        false
    }
}

#[cfg(feature = "mutants")]
mod switch {
    use std::any::Any;
    use std::cell::{Cell, RefCell};
    use std::collections::{HashMap, HashSet};
    use std::fmt::Display;

    use super::Mutant;

    thread_local! {
        static SWITCHED: Cell<Option<Mutant>> = const { Cell::new(None) };
        static FIRST: RefCell<HashMap<String, Box<dyn Any>>> = RefCell::default();
        static MET: RefCell<HashSet<String>> = RefCell::default();
    }

    /// Breaks one rule on this thread, or none; what the last mutant remembered is forgotten.
    pub fn switch(mutant: Option<Mutant>) {
        SWITCHED.set(mutant);
        FIRST.take();
        MET.take();
    }

    /// Whether this thread breaks the rule.
    #[must_use]
    pub fn on(mutant: Mutant) -> bool {
        SWITCHED.get() == Some(mutant)
    }

    /// The value as it is now; under the mutant the first one that this owner had.
    pub fn stale<T: Clone + 'static>(mutant: Mutant, owner: &str, now: T) -> T {
        if !on(mutant) {
            return now;
        }
        FIRST.with_borrow_mut(|first| {
            let kept = first
                .entry(owner.to_owned())
                .or_insert_with(|| Box::new(now.clone()));
            kept.downcast_ref::<T>().cloned().unwrap_or(now)
        })
    }

    /// Under the mutant, whether the name was met before; it remembers them over every rollback.
    pub fn met_before(mutant: Mutant, name: &dyn Display) -> bool {
        on(mutant) && !MET.with_borrow_mut(|met| met.insert(name.to_string()))
    }
}

#[cfg(feature = "mutants")]
pub use switch::switch;
pub use switch::{met_before, on, stale};
