//! What waits for the writer thread: three bounded lanes, heartbeats first.

use std::collections::VecDeque;
use std::mem;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

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
    unhurried: VecDeque<Box<dyn Work<N>>>,
    /// When the first of the unhurried waits no longer for company.
    late: Option<Instant>,
    /// Whether the writer waits: to wake nobody is a system call too, and it would be made for each job.
    idle: bool,
    closed: bool,
}

/// How long an unhurried write waits for another that it can go with.
const COMPANY_WITHIN: Duration = Duration::from_millis(20);

impl<N> Lanes<N> {
    pub(super) fn new(waiting_max: usize) -> Self {
        Self {
            waiting_max,
            inside: Mutex::new(Inside {
                heartbeats: VecDeque::new(),
                work: VecDeque::new(),
                unhurried: VecDeque::new(),
                late: None,
                idle: false,
                closed: false,
            }),
            arrived: Condvar::new(),
        }
    }

    /// Puts `work` at the end of its lane; false when too much waits or the writer has stopped.
    pub(super) fn push(&self, lane: Lane, work: Box<dyn Work<N>>) -> bool {
        let mut inside = self.lock();
        if inside.closed || inside.waiting() >= self.waiting_max {
            return false;
        }
        let wake = match lane {
            Lane::Heartbeat => {
                inside.heartbeats.push_back(work);
                true
            }
            Lane::Work => {
                inside.work.push_back(work);
                true
            }
            Lane::Unhurried => {
                inside.unhurried.push_back(work);
                // So that the thread sees until when it sleeps.
                let is_first = inside.late.is_none();
                inside.late.get_or_insert_with(|| Instant::now() + COMPANY_WITHIN);
                is_first
            }
        };
        let wake = wake && mem::take(&mut inside.idle);
        drop(inside);
        if wake {
            self.arrived.notify_one();
        }
        true
    }

    /// Waits until something is to be written; false when the lanes are closed and empty.
    pub(super) fn wait(&self) -> bool {
        let mut inside = self.lock();
        while inside.heartbeats.is_empty() && inside.work.is_empty() {
            let company = match inside.late {
                Some(_) if inside.closed => return true,
                Some(late) => late.saturating_duration_since(Instant::now()),
                None if inside.closed => return false,
                None => Duration::MAX,
            };
            if company.is_zero() {
                return true;
            }
            inside.idle = true;
            let waited = self.arrived.wait_timeout(inside, company);
            inside = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// Takes up to `max` that wait, heartbeats first. Never waits.
    pub(super) fn take(&self, max: usize) -> Vec<Box<dyn Work<N>>> {
        let mut inside = self.lock();
        let mut taken = Vec::new();
        let Inside {
            heartbeats,
            work,
            unhurried,
            late,
            ..
        } = &mut *inside;
        for lane in [heartbeats, work, &mut *unhurried] {
            let fits = lane.len().min(max - taken.len());
            taken.extend(lane.drain(..fits));
        }
        if unhurried.is_empty() {
            *late = None;
        }
        taken
    }

    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.lock().waiting()
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

impl<N> Inside<N> {
    fn waiting(&self) -> usize {
        self.heartbeats.len() + self.work.len() + self.unhurried.len()
    }
}
