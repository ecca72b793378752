//! Who waits is told, looks again, and shares its look.

use std::sync::Mutex;

use async_trait::async_trait;
use shared::job::{JobFilter, JobRequest, JobState, JobView, ReportRequest, ReportRow};
use shared::ports::{JobPage, NewJob, StoredReject};
use shared::time::Timestamp;
use shared::wire::TraceContext;
use tokio::sync::{Notify, watch};

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
    let again = waiting.signal().ended();
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
    let again = waiting.signal().ended();
    tokio::pin!(again);
    again.as_mut().enable();
    missed.notify_one();
    tokio::time::timeout(LINGER, again).await.unwrap();
    shutdown.cancel();
}

/// Answers with one job, a little later; counts how often it was asked.
struct Kept {
    job: Mutex<JobView>,
    reads: watch::Sender<usize>,
}

impl Kept {
    fn new() -> Arc<Self> {
        let request = JobRequest::Report(ReportRequest::default());
        let (id, now) = (JobId::generate(), Timestamp::from_millis(0));
        let job = NewJob::without_input(id, request, now, TraceContext::generate()).accepted(1);
        Arc::new(Self {
            job: Mutex::new(job),
            reads: watch::Sender::new(0),
        })
    }

    fn id(&self) -> JobId {
        self.job.lock().unwrap().id
    }

    fn move_on(&self, state: JobState) {
        let mut job = self.job.lock().unwrap();
        job.state = state;
        job.revision += 1;
    }
}

#[async_trait]
impl JobReader for Kept {
    async fn job(&self, _: JobId, _: usize) -> Result<JobLookup, StoreError> {
        self.reads.send_modify(|reads| *reads += 1);
        let job = self.job.lock().unwrap().clone();
        tokio::task::yield_now().await;
        Ok(JobLookup::Found(Box::new(job)))
    }
    async fn list(&self, _: &JobFilter, _: Option<i64>, _: usize) -> Result<JobPage, StoreError> {
        Ok(JobPage::default())
    }
    async fn rejects(&self, _: JobId, _: u64, _: usize) -> Result<Vec<StoredReject>, StoreError> {
        Ok(Vec::new())
    }
    async fn report_rows(&self, _: JobId, _: u64, _: usize) -> Result<Vec<ReportRow>, StoreError> {
        Ok(Vec::new())
    }
    async fn unknown(&self, ids: &[JobId]) -> Result<Vec<JobId>, StoreError> {
        Ok(ids.to_vec())
    }
    async fn open_jobs(&self) -> Result<Vec<(&'static str, JobState, u64)>, StoreError> {
        Ok(Vec::new())
    }
    fn epoch(&self) -> u64 {
        1
    }
}

fn poller(kept: &Arc<Kept>, feed: Silent) -> Poller {
    Poller::start(kept.clone(), Box::new(feed), CancellationToken::new())
}

/// A clock that is paused stands still until then.
async fn nobody_has_anything_to_do() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_one_job_shares_the_look_at_its_end() {
    const WAITERS: usize = 100;
    let (kept, feed) = (Kept::new(), Silent::default());
    let end = Arc::clone(&feed.missed);
    let poller = poller(&kept, feed);
    let waiting: Vec<_> = (0..WAITERS)
        .map(|_| {
            let (poller, id) = (poller.clone(), kept.id());
            tokio::spawn(async move { poller.wait(id, 2 * LINGER, None).await })
        })
        .collect();
    nobody_has_anything_to_do().await;
    let before = *kept.reads.borrow();
    assert!(before >= WAITERS, "each looks for itself when it comes");

    kept.move_on(JobState::Succeeded);
    end.notify_one();
    for waiting in waiting {
        let Ok(JobLookup::Found(job)) = waiting.await.unwrap() else {
            panic!("the job is there");
        };
        assert_eq!(job.state, JobState::Succeeded);
    }
    assert_eq!(*kept.reads.borrow(), before + 1);
}

#[tokio::test(start_paused = true)]
async fn who_knows_more_than_the_shared_look_looks_alone() {
    let kept = Kept::new();
    let poller = poller(&kept, Silent::default());
    let waiting = poller.waiters.register(kept.id());
    nobody_has_anything_to_do().await;
    let old = poller.look_with_others(kept.id(), waiting.signal(), 1).await;
    kept.move_on(JobState::Running);
    let shared = poller.look_with_others(kept.id(), waiting.signal(), 1).await;
    assert_eq!(shared.unwrap(), old.unwrap(), "nobody was told since");
    let alone = poller.look_with_others(kept.id(), waiting.signal(), 2).await;
    let JobLookup::Found(job) = alone.unwrap() else {
        panic!("the job is there");
    };
    assert_eq!((job.revision, *kept.reads.borrow()), (2, 2));
}
