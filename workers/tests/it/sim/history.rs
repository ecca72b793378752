//! What happened in a run, and the first thing that should not have.

use std::fmt::{self, Display};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::clock::SimClock;

/// Lines that are shown of a run that failed.
const LINES_SHOWN: usize = 400;

pub(super) struct History {
    clock: Arc<SimClock>,
    recording: bool,
    inside: Mutex<Inside>,
}

#[derive(Default)]
struct Inside {
    lines: Vec<String>,
    violation: Option<String>,
}

impl History {
    pub(super) fn new(clock: Arc<SimClock>, recording: bool) -> Self {
        Self {
            clock,
            recording,
            inside: Mutex::default(),
        }
    }

    /// Keeps a line, when the run is recorded: a run of thousands is not.
    pub(super) fn note(&self, who: &dyn Display, what: impl FnOnce() -> String) {
        if self.recording {
            let line = format!("{:>7} {who:<8} {}", self.clock.elapsed_ms(), what());
            self.inside().lines.push(line);
        }
    }

    /// A rule was broken. The first time counts.
    pub(super) fn violate(&self, rule: &str, what: impl FnOnce() -> String) {
        let mut inside = self.inside();
        if inside.violation.is_none() {
            let violation = format!("{rule}: {} (after {} ms)", what(), self.clock.elapsed_ms());
            inside.lines.push(violation.clone());
            inside.violation = Some(violation);
        }
    }

    pub(super) fn is_violated(&self) -> bool {
        self.inside().violation.is_some()
    }

    pub(super) fn into_record(self: Arc<Self>) -> Record {
        let mut inside = self.inside();
        Record {
            violation: inside.violation.take(),
            lines: std::mem::take(&mut inside.lines),
        }
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A run that is over.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) violation: Option<String>,
    pub(super) lines: Vec<String>,
}

impl Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hidden = self.lines.len().saturating_sub(LINES_SHOWN);
        if hidden > 0 {
            writeln!(f, "... {hidden} lines before")?;
        }
        for line in &self.lines[hidden..] {
            writeln!(f, "{line}")?;
        }
        f.write_str(self.violation.as_deref().unwrap_or("no rule was broken"))
    }
}
