//! The locks that simulated processes hold beside a file: let go by a clean stop, left behind by a death (P13).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::ports::Attendance;

/// Who holds a lock, and whether the holder is gone without having let it go.
#[derive(Default)]
pub struct MemoryLocks(Mutex<BTreeMap<String, bool>>);

impl MemoryLocks {
    /// The process dies with its lock.
    pub fn leave_behind(&self, owner: &str) {
        self.held()
            .entry(owner.to_owned())
            .and_modify(|gone| *gone = true);
    }

    pub(in super::super) fn lock(self: &Arc<Self>, owner: &str) -> MemoryLock {
        self.held().insert(owner.to_owned(), false);
        MemoryLock {
            owner: owner.to_owned(),
            locks: Arc::clone(self),
        }
    }

    pub(in super::super) fn has_vanished(&self, owner: &str) -> bool {
        self.held().get(owner).copied().unwrap_or(false)
    }

    pub(in super::super) fn forget(&self, counts: &[String]) {
        self.held().retain(|owner, gone| !*gone || counts.contains(owner));
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<String, bool>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Held by one living process.
pub(in super::super) struct MemoryLock {
    owner: String,
    locks: Arc<MemoryLocks>,
}

impl Attendance for MemoryLock {}

impl Drop for MemoryLock {
    fn drop(&mut self) {
        let mut held = self.locks.held();
        // A dead process's memory is freed with its simulation; its lock has no holder any more.
        if held.get(&self.owner) == Some(&false) {
            held.remove(&self.owner);
        }
    }
}
