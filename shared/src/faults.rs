//! Faults: what each looks like from the outside, and the named points at which a test brings one into a process.
//!
#![doc = include_str!("faults.md")]
//!
//! # Fault points
//!
//! A point stands before and after every commit of a store, and at every other place between two durable steps. In
//! a build with the feature `faults`, which only dev-dependencies ask for, a process reads `FAILPOINTS` at its start
//! (the syntax of the crate `fail`): `finish/before-commit=2*off->return` kills it with `SIGKILL` when it gets there
//! the third time, `publish/after-append=sleep(4000)` stalls the thread that gets there. In any other build the
//! points are empty functions.

/// Every write of a store, by the name that it gives its [`Write`](crate::adapters::sqlite::Write).
pub const WRITES: [&str; 35] = [
    "abandon_rebuild",
    "accept",
    "add_schedule",
    "begin_rebuild",
    "cancel",
    "claim",
    "delete",
    "discard",
    "drop_staged",
    "expire_reports",
    "fail_parked",
    "finish",
    "fire",
    "flip",
    "fold",
    "fold_next",
    "forget_log_marks",
    "heartbeat",
    "hold_projector",
    "hold_rescuer",
    "keep_configured",
    "log.append",
    "mark_sent",
    "note_mailed",
    "purge",
    "release_projector",
    "remove_schedule",
    "rescue_lapsed",
    "resend",
    "retry",
    "run_alone",
    "stage",
    "sweep",
    "void_leases",
    "wake",
];

/// A place between two durable steps of which at least one is not a store's commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A wake-up is in the queue, and the store does not know yet that it was sent.
    DispatchAfterSend,
    /// A claim is committed and its delivery acknowledged; the handler has not begun (P6).
    ClaimAfterAcknowledge,
    /// A message that is no wake-up is in the dead queue.
    ConsumeAfterReject,
    /// The log has acknowledged a chunk; the next one, or the task's end, is still to come.
    PublishAfterAppend,
    /// A report is parked and nobody has looked a second time (P22).
    ParkBeforeLook,
    /// A batch is folded; neither is its position shown to the log, nor is a parked report woken.
    FoldBeforeWake,
    /// A mail server has taken a mail, and the store does not know yet.
    MailBeforeNote,
}

impl Step {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::DispatchAfterSend,
        Self::ClaimAfterAcknowledge,
        Self::ConsumeAfterReject,
        Self::PublishAfterAppend,
        Self::ParkBeforeLook,
        Self::FoldBeforeWake,
        Self::MailBeforeNote,
    ];

    /// The name of its point.
    #[must_use]
    pub const fn point(self) -> &'static str {
        match self {
            Self::DispatchAfterSend => "dispatch/after-send",
            Self::ClaimAfterAcknowledge => "claim/after-acknowledge",
            Self::ConsumeAfterReject => "consume/after-reject",
            Self::PublishAfterAppend => "publish/after-append",
            Self::ParkBeforeLook => "park/before-look",
            Self::FoldBeforeWake => "fold/before-wake",
            Self::MailBeforeNote => "mail/before-note",
        }
    }
}

/// The names of all points, so that a test can go through them.
#[must_use]
pub fn points() -> Vec<String> {
    let around = |write: &&str| [format!("{write}/before-commit"), format!("{write}/after-commit")];
    let steps = Step::ALL.iter().map(|step| step.point().to_owned());
    WRITES.iter().flat_map(around).chain(steps).collect()
}

pub use live::{after_commit, arm, before_commit, reach};

#[cfg(not(feature = "faults"))]
mod live {
    use super::Step;

    /// Reads which points bring a fault into this process. In this build: none.
    pub const fn arm() {}

    /// The process is at this step.
    pub const fn reach(_: Step) {}

    /// A batch of these writes has run and is about to be committed.
    pub fn before_commit(_: impl Iterator<Item = &'static str>) {}

    /// A batch of these writes is committed, and no caller knows it yet.
    pub fn after_commit(_: impl Iterator<Item = &'static str>) {}
}

#[cfg(feature = "faults")]
mod live {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::Step;

    /// Whether any point is armed: a benchmark, built with the tests' features, passes all of them by this.
    static ARMED: AtomicBool = AtomicBool::new(false);

    /// Reads from the environment which points bring a fault into this process.
    pub fn arm() {
        // For the life of the process: dropping the scenario would disarm it.
        std::mem::forget(fail::FailScenario::setup());
        ARMED.store(!fail::list().is_empty(), Ordering::Relaxed);
    }

    /// The process is at this step.
    pub fn reach(step: Step) {
        if ARMED.load(Ordering::Relaxed) {
            at(step.point());
        }
    }

    /// A batch of these writes has run and is about to be committed.
    pub fn before_commit(writes: impl Iterator<Item = &'static str>) {
        around_commit("before", writes);
    }

    /// A batch of these writes is committed, and no caller knows it yet.
    pub fn after_commit(writes: impl Iterator<Item = &'static str>) {
        around_commit("after", writes);
    }

    fn around_commit(side: &str, writes: impl Iterator<Item = &'static str>) {
        if ARMED.load(Ordering::Relaxed) {
            writes.for_each(|write| at(&format!("{write}/{side}-commit")));
        }
    }

    fn at(point: &str) {
        fail::fail_point!(point, |_| die());
    }

    /// Not `abort`: nothing of the process, no destructor and no buffer, may run after this line.
    fn die() {
        let killed = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        panic!("a process may kill itself, but it could not: {killed:?}");
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_write_of_a_store_has_its_points() {
        let mut found = BTreeSet::new();
        let sqlite = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/adapters/sqlite");
        collect(&sqlite, &mut found);
        let named: BTreeSet<_> = WRITES.iter().map(|write| (*write).to_owned()).collect();
        assert_eq!(found, named, "the writes in the code, and those in `WRITES`");
    }

    /// The names in `Write::relaxed("…")` and `Write::flushed("…")`.
    fn collect(folder: &Path, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, found);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            for kind in ["Write::relaxed(\"", "Write::flushed(\""] {
                let names = text.split(kind).skip(1).filter_map(|rest| rest.split('"').next());
                found.extend(names.map(str::to_owned));
            }
        }
    }
}
