//! Who waits for which job, and what they share when it moves on (step 8).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use shared::job::JobId;
use shared::ports::{JobChange, JobLookup};
use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use tokio::time::Instant;

/// Who waits for which job.
#[derive(Default)]
pub(super) struct Waiters {
    entries: Mutex<Entries>,
    /// Somebody waits where nobody did.
    came: Notify,
    /// Nobody waits any more.
    left: Notify,
}

#[derive(Default)]
struct Entries {
    of_jobs: HashMap<JobId, Entry>,
    /// When the last waiter left.
    left_at: Option<Instant>,
}

struct Entry {
    waiting: usize,
    signal: Arc<Signal>,
}

/// What those hear who wait for one job.
#[derive(Default)]
pub(super) struct Signal {
    changed: Notify,
    ended: Notify,
    /// The read of the job that began after the last signal, if one has.
    look: Mutex<Option<Look>>,
}

/// A read of a job that several wait for; `None` where it failed.
pub(super) type Look = Shared<BoxFuture<'static, Option<Arc<JobLookup>>>>;

impl Waiters {
    pub(super) fn register(&self, job: JobId) -> Waiting<'_> {
        let mut entries = self.lock();
        if entries.of_jobs.is_empty() {
            self.came.notify_one();
        }
        let entry = entries.of_jobs.entry(job).or_insert_with(|| Entry {
            waiting: 0,
            signal: Arc::default(),
        });
        entry.waiting += 1;
        Waiting {
            waiters: self,
            job,
            signal: Arc::clone(&entry.signal),
        }
    }

    /// Until somebody waits.
    pub(super) async fn any(&self) {
        if self.is_empty() {
            self.came.notified().await;
        }
    }

    /// Until nobody has waited for that long.
    pub(super) async fn gone_for(&self, long: Duration) {
        loop {
            match self.empty_since() {
                Some(since) if since.elapsed() >= long => return,
                Some(since) => tokio::time::sleep_until(since + long).await,
                None => self.left.notified().await,
            }
        }
    }

    fn empty_since(&self) -> Option<Instant> {
        let entries = self.lock();
        entries.left_at.filter(|_| entries.of_jobs.is_empty())
    }

    fn is_empty(&self) -> bool {
        self.lock().of_jobs.is_empty()
    }

    pub(super) fn wake_all(&self) {
        for entry in self.lock().of_jobs.values() {
            entry.signal.tell(true);
        }
    }

    pub(super) fn wake(&self, changes: &[JobChange]) {
        let entries = self.lock();
        for change in changes {
            if let Some(entry) = entries.of_jobs.get(&change.job) {
                entry.signal.tell(change.ended);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Signal {
    /// Until the job has changed after this call.
    pub(super) fn changed(&self) -> Notified<'_> {
        self.changed.notified()
    }

    /// Until the job has ended after this call.
    pub(super) fn ended(&self) -> Notified<'_> {
        self.ended.notified()
    }

    /// The read that all share who were told of the same change: `begin` where none has begun since.
    pub(super) fn look(&self, begin: impl FnOnce() -> BoxFuture<'static, Option<Arc<JobLookup>>>) -> Look {
        self.last_look().get_or_insert_with(|| begin().shared()).clone()
    }

    fn tell(&self, ended: bool) {
        // First: who is told looks anew.
        *self.last_look() = None;
        self.changed.notify_waiters();
        if ended {
            self.ended.notify_waiters();
        }
    }

    fn last_look(&self) -> MutexGuard<'_, Option<Look>> {
        self.look.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One waiting client; its place is given up with it, however it ends.
pub(super) struct Waiting<'a> {
    waiters: &'a Waiters,
    job: JobId,
    signal: Arc<Signal>,
}

impl Waiting<'_> {
    pub(super) fn signal(&self) -> &Signal {
        &self.signal
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut entries = self.waiters.lock();
        let Some(entry) = entries.of_jobs.get_mut(&self.job) else {
            return;
        };
        entry.waiting -= 1;
        if entry.waiting == 0 {
            entries.of_jobs.remove(&self.job);
            if entries.of_jobs.is_empty() {
                entries.left_at = Some(Instant::now());
                self.waiters.left.notify_one();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_waits_for_the_job_is_woken_and_leaves_nothing_behind() {
        let waiters = Waiters::default();
        let jobs: Vec<_> = (0..10_000).map(|_| JobId::generate()).collect();
        let waiting: Vec<_> = jobs.iter().map(|job| waiters.register(*job)).collect();
        let second = waiters.register(jobs[0]);
        let mut changed: Vec<_> = waiting
            .iter()
            .map(|waiting| Box::pin(waiting.signal().changed()))
            .collect();
        let mut ended = Box::pin(second.signal().ended());
        for notified in &mut changed {
            notified.as_mut().enable();
        }
        ended.as_mut().enable();
        let change = |ended| JobChange {
            job: jobs[0],
            revision: 2,
            ended,
        };
        waiters.wake(&[change(false)]);
        assert!(ended.as_mut().now_or_never().is_none());
        let woken = changed
            .iter_mut()
            .filter_map(|notified| notified.as_mut().now_or_never());
        assert_eq!(woken.count(), 1);
        waiters.wake(&[change(true)]);
        assert!(ended.as_mut().now_or_never().is_some());

        drop((changed, ended));
        drop((waiting, second));
        assert!(waiters.is_empty());
    }
}
