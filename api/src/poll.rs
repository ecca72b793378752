//! Step 8: the job is read back, at once or when it has moved on.
//!
//! One task reads the change feed of the whole process while anybody waits, and shortly after: whoever polls in a loop
//! waits again at once. A waiting client costs an entry in a map.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use shared::job::{Backoff, JobId};
use shared::ports::{ChangeFeed, JobChange, JobLookup, JobReader, News, StoreError};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::contract::{EntityTag, MAX_ROWS, SeenTags};

/// How long changes are still read when nobody waits any more.
const LINGER: Duration = Duration::from_secs(1);

/// Reads jobs, and waits for their changes. Clones share one feed.
#[derive(Clone)]
pub struct Poller {
    reader: Arc<dyn JobReader>,
    waiters: Arc<Waiters>,
    shutdown: CancellationToken,
}

impl Poller {
    /// Starts to follow the feed, until `shutdown`; from then on every wait returns at once.
    #[must_use]
    pub fn start(reader: Arc<dyn JobReader>, feed: Box<dyn ChangeFeed>, shutdown: CancellationToken) -> Self {
        let waiters = Arc::new(Waiters::default());
        tokio::spawn(follow(feed, Arc::clone(&waiters), shutdown.clone()));
        Self {
            reader,
            waiters,
            shutdown,
        }
    }

    /// The job as it is now.
    ///
    /// # Errors
    /// Any fault of the store.
    pub async fn now(&self, id: JobId) -> Result<JobLookup, StoreError> {
        self.reader.job(id, MAX_ROWS).await
    }

    /// Whether the service is stopping: a wait returns at once from now on.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.shutdown.is_cancelled()
    }

    /// The job when it has ended or, with `seen`, when its representation is another; at the latest after
    /// `timeout`, then as it is.
    ///
    /// # Errors
    /// Any fault of the store.
    pub async fn wait(
        &self,
        id: JobId,
        timeout: Duration,
        seen: Option<&SeenTags>,
    ) -> Result<JobLookup, StoreError> {
        let deadline = Instant::now() + timeout;
        let waiting = self.waiters.register(id);
        loop {
            // Interest is registered before the job is read: a change in between is not lost.
            let moved = if seen.is_some() {
                waiting.signal.changed.notified()
            } else {
                waiting.signal.ended.notified()
            };
            tokio::pin!(moved);
            moved.as_mut().enable();
            let lookup = self.now(id).await?;
            let JobLookup::Found(job) = &lookup else {
                return Ok(lookup);
            };
            let tag = EntityTag {
                epoch: self.reader.epoch(),
                revision: job.revision,
            };
            if job.state.is_terminal() || seen.is_some_and(|seen| !seen.contains(tag)) {
                return Ok(lookup);
            }
            tokio::select! {
                () = moved => {}
                () = tokio::time::sleep_until(deadline) => return self.now(id).await,
                () = self.shutdown.cancelled() => return Ok(lookup),
            }
        }
    }
}

async fn follow(mut feed: Box<dyn ChangeFeed>, waiters: Arc<Waiters>, shutdown: CancellationToken) {
    let mut failures = 0;
    loop {
        let followed = tokio::select! {
            followed = follow_on(&mut *feed, &waiters, &mut failures) => followed,
            () = shutdown.cancelled() => return,
        };
        let Err(error) = followed else {
            continue;
        };
        failures += 1;
        if failures == 1 {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the feed of changes failed and will be read again"
            );
        }
        tokio::select! {
            () = tokio::time::sleep(Backoff::RECONNECT.draw(failures)) => {}
            () = shutdown.cancelled() => return,
        }
    }
}

/// Wakes whom changes concern, until nobody has waited for [`LINGER`].
async fn follow_on(
    feed: &mut dyn ChangeFeed,
    waiters: &Waiters,
    failures: &mut u32,
) -> Result<(), StoreError> {
    waiters.any().await;
    feed.skip().await?;
    // What changed between their look at their jobs and the skip is seen by nobody else.
    waiters.wake_all();
    loop {
        let news = tokio::select! {
            news = feed.next() => news?,
            () = waiters.gone_for(LINGER) => return Ok(()),
        };
        if std::mem::take(failures) > 0 {
            tracing::info!("the feed of changes goes on");
        }
        match news {
            News::Changes(changes) => waiters.wake(&changes),
            News::Missed => {
                tracing::warn!("changes were missed; every waiting client looks at its job");
                waiters.wake_all();
            }
        }
    }
}

/// Who waits for which job.
#[derive(Default)]
struct Waiters {
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

#[derive(Default)]
struct Signal {
    changed: Notify,
    ended: Notify,
}

impl Waiters {
    fn register(&self, job: JobId) -> Waiting<'_> {
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
    async fn any(&self) {
        if self.is_empty() {
            self.came.notified().await;
        }
    }

    /// Until nobody has waited for that long.
    async fn gone_for(&self, long: Duration) {
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

    fn wake_all(&self) {
        for entry in self.lock().of_jobs.values() {
            entry.signal.changed.notify_waiters();
            entry.signal.ended.notify_waiters();
        }
    }

    fn wake(&self, changes: &[JobChange]) {
        let entries = self.lock();
        for change in changes {
            if let Some(entry) = entries.of_jobs.get(&change.job) {
                entry.signal.changed.notify_waiters();
                if change.ended {
                    entry.signal.ended.notify_waiters();
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One waiting client; its place is given up with it, however it ends.
struct Waiting<'a> {
    waiters: &'a Waiters,
    job: JobId,
    signal: Arc<Signal>,
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
    use async_trait::async_trait;
    use futures_util::FutureExt;
    use tokio::sync::watch;

    use super::*;

    /// Counts what is asked of it, and never tells a change.
    #[derive(Clone, Default)]
    struct Silent {
        skips: watch::Sender<u32>,
        reads: watch::Sender<u32>,
        /// Until this it waits before it tells once that it has missed some.
        missed: Arc<Notify>,
    }

    #[async_trait]
    impl ChangeFeed for Silent {
        async fn next(&mut self) -> Result<News, StoreError> {
            self.reads.send_modify(|reads| *reads += 1);
            self.missed.notified().await;
            Ok(News::Missed)
        }

        async fn skip(&mut self) -> Result<(), StoreError> {
            self.skips.send_modify(|skips| *skips += 1);
            Ok(())
        }
    }

    #[tokio::test]
    async fn changes_are_read_only_while_somebody_waits_who_looks_again_first() {
        let (feed, waiters) = (Silent::default(), Arc::new(Waiters::default()));
        let (mut skips, mut reads) = (feed.skips.subscribe(), feed.reads.subscribe());
        let shutdown = CancellationToken::new();
        tokio::spawn(follow(Box::new(feed), Arc::clone(&waiters), shutdown.clone()));
        tokio::task::yield_now().await;
        assert_eq!((*skips.borrow(), *reads.borrow()), (0, 0));
        let waiting = waiters.register(JobId::generate());
        let again = waiting.signal.ended.notified();
        tokio::pin!(again);
        again.as_mut().enable();
        skips.wait_for(|skips| *skips == 1).await.unwrap();
        tokio::time::timeout(LINGER, again).await.unwrap();
        reads.wait_for(|reads| *reads == 1).await.unwrap();
        shutdown.cancel();
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_again_soon_finds_the_feed_read_and_after_a_while_it_is_not() {
        let (feed, waiters) = (Silent::default(), Arc::new(Waiters::default()));
        let mut skips = feed.skips.subscribe();
        tokio::spawn(follow(
            Box::new(feed),
            Arc::clone(&waiters),
            CancellationToken::new(),
        ));
        drop(waiters.register(JobId::generate()));
        skips.wait_for(|skips| *skips == 1).await.unwrap();
        for _ in 0..4 {
            tokio::time::sleep(LINGER / 2).await;
            drop(waiters.register(JobId::generate()));
        }
        assert_eq!(*skips.borrow(), 1, "it was read all the time");

        tokio::time::sleep(2 * LINGER).await;
        let _waiting = waiters.register(JobId::generate());
        let again = skips.wait_for(|skips| *skips == 2);
        tokio::time::timeout(LINGER, again).await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn who_waits_looks_again_when_changes_were_missed() {
        let (feed, waiters) = (Silent::default(), Arc::new(Waiters::default()));
        let (mut reads, missed) = (feed.reads.subscribe(), Arc::clone(&feed.missed));
        let shutdown = CancellationToken::new();
        tokio::spawn(follow(Box::new(feed), Arc::clone(&waiters), shutdown.clone()));
        let waiting = waiters.register(JobId::generate());
        reads.wait_for(|reads| *reads == 1).await.unwrap();
        let again = waiting.signal.ended.notified();
        tokio::pin!(again);
        again.as_mut().enable();
        missed.notify_one();
        tokio::time::timeout(LINGER, again).await.unwrap();
        shutdown.cancel();
    }

    #[test]
    fn only_who_waits_for_the_job_is_woken_and_leaves_nothing_behind() {
        let waiters = Waiters::default();
        let jobs: Vec<_> = (0..10_000).map(|_| JobId::generate()).collect();
        let waiting: Vec<_> = jobs.iter().map(|job| waiters.register(*job)).collect();
        let second = waiters.register(jobs[0]);
        let mut changed: Vec<_> = waiting
            .iter()
            .map(|waiting| Box::pin(waiting.signal.changed.notified()))
            .collect();
        let mut ended = Box::pin(second.signal.ended.notified());
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
