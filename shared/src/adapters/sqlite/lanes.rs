//! What waits for the writer thread: two bounded lanes, heartbeats first.

use std::collections::VecDeque;
use std::mem;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::batch::Work;
use super::writer::Lane;

/// The lanes, shared by the callers and the thread.
pub(super) struct Lanes<N> {
    waiting_max: usize,
    inside: Mutex<Inside<N>>,
    arrived: Condvar,
}

struct Inside<N> {
    heartbeats: VecDeque<Box<dyn Work<N>>>,
    work: VecDeque<Box<dyn Work<N>>>,
    /// Whether the writer waits: to wake nobody is a system call too, and it would be made for each job.
    idle: bool,
    closed: bool,
}

impl<N> Lanes<N> {
    pub(super) fn new(waiting_max: usize) -> Self {
        Self {
            waiting_max,
            inside: Mutex::new(Inside {
                heartbeats: VecDeque::new(),
                work: VecDeque::new(),
                idle: false,
                closed: false,
            }),
            arrived: Condvar::new(),
        }
    }

    /// Puts `work` at the end of its lane; false when too much waits or the writer has stopped.
    pub(super) fn push(&self, lane: Lane, work: Box<dyn Work<N>>) -> bool {
        let mut inside = self.lock();
        if inside.closed || inside.heartbeats.len() + inside.work.len() >= self.waiting_max {
            return false;
        }
        match lane {
            Lane::Heartbeat => inside.heartbeats.push_back(work),
            Lane::Work => inside.work.push_back(work),
        }
        let wake = mem::take(&mut inside.idle);
        drop(inside);
        if wake {
            self.arrived.notify_one();
        }
        true
    }

    /// Waits until something waits; false when the lanes are closed and empty.
    pub(super) fn wait(&self) -> bool {
        let mut inside = self.lock();
        while inside.heartbeats.is_empty() && inside.work.is_empty() {
            if inside.closed {
                return false;
            }
            inside.idle = true;
            inside = self.arrived.wait(inside).unwrap_or_else(PoisonError::into_inner);
        }
        true
    }

    /// Takes up to `max` that wait, heartbeats first. Never waits.
    pub(super) fn take(&self, max: usize) -> Vec<Box<dyn Work<N>>> {
        let mut inside = self.lock();
        let heartbeats = inside.heartbeats.len().min(max);
        let mut taken: Vec<_> = inside.heartbeats.drain(..heartbeats).collect();
        let work = inside.work.len().min(max - taken.len());
        taken.extend(inside.work.drain(..work));
        taken
    }

    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        let inside = self.lock();
        inside.heartbeats.len() + inside.work.len()
    }

    /// Lets nothing more in; what waits is still written.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Inside<N>> {
        // Nothing that can panic runs under this lock.
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
