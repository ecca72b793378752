//! Step 8: the job is read back, at once or when it has moved on.
//!
//! One task reads the change feed of the whole process while anybody waits, and shortly after: whoever polls in a loop
//! waits again at once. A waiting client costs an entry in a map, and all who are told of a change share a read of the job.

mod waiters;

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use shared::job::{Backoff, JobId};
use shared::ports::{ChangeFeed, JobLookup, JobReader, News, StoreError};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::waiters::{Signal, Waiters};
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
        let signal = waiting.signal();
        let mut known = None;
        loop {
            // Interest is registered before the job is read: a change in between is not lost.
            let moved = if seen.is_some() {
                signal.changed()
            } else {
                signal.ended()
            };
            tokio::pin!(moved);
            moved.as_mut().enable();
            let lookup = match known {
                None => self.now(id).await?,
                Some(revision) => self.look_with_others(id, signal, revision).await?,
            };
            let JobLookup::Found(job) = &lookup else {
                return Ok(lookup);
            };
            known = Some(job.revision);
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

    /// The job as it was after the last signal, read once for all who were told.
    async fn look_with_others(
        &self,
        id: JobId,
        signal: &Signal,
        known_revision: u64,
    ) -> Result<JobLookup, StoreError> {
        let reader = Arc::clone(&self.reader);
        // A task of its own: it ends although all who share it may go.
        let read = || tokio::spawn(async move { reader.job(id, MAX_ROWS).await.ok().map(Arc::new) });
        let look = signal.look(|| read().map(|read| read.ok().flatten()).boxed());
        match look.await.as_deref() {
            // Who looked alone meanwhile may know more.
            Some(JobLookup::Found(job)) if job.revision < known_revision => self.now(id).await,
            Some(lookup) => Ok(lookup.clone()),
            // A fault is reported to each as its own.
            None => self.now(id).await,
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

#[cfg(test)]
mod tests;
