//! A store on a file of its own with a clock that is moved by hand, and jobs to put into it.

use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Barrier};
use std::time::Duration;

use crate::adapters::sqlite::Write;
use crate::adapters::sqlite::jobs::{JobStore, JobStoreOptions, Tx};
use crate::job::{
    JobId, JobRequest, JobView, Labels, Lease, ReportRequest, SubmitOrigin, SubmitRequest, TaskRef, WorkerId,
};
use crate::ports::{
    Accepted, AttemptEnd, AttemptStore, Clock, Finished, InputChunk, JobLookup, JobReader, NewJob, NewTask,
    Outcome, Published, StoreError,
};
use crate::time::Timestamp;
use crate::wire::TraceContext;

pub(super) struct HandClock {
    boot_ms: AtomicI64,
}

impl HandClock {
    pub(super) fn pass(&self, ms: i64) {
        self.boot_ms.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for HandClock {
    fn wall(&self) -> Timestamp {
        Timestamp::from_millis(1_800_000_000_000 + self.boot_ms())
    }

    fn boot_ms(&self) -> i64 {
        self.boot_ms.load(Ordering::SeqCst)
    }
}

pub(super) struct Bench {
    folder: tempfile::TempDir,
    pub(super) clock: Arc<HandClock>,
    pub(super) worker: WorkerId,
}

impl Bench {
    pub(super) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            clock: Arc::new(HandClock {
                boot_ms: AtomicI64::new(1_000_000),
            }),
            worker: WorkerId("w".into()),
        }
    }

    pub(super) fn path(&self) -> PathBuf {
        self.folder.path().join("jobs.sqlite")
    }

    pub(super) fn open(&self, boot_id: &str) -> JobStore {
        self.open_with_reserve(boot_id, 0)
    }

    /// A store that finds its disk too full to take anything in.
    pub(super) fn open_short_of_disk(&self) -> JobStore {
        self.open_with_reserve("boot", u64::MAX)
    }

    fn open_with_reserve(&self, boot_id: &str, disk_reserve_bytes: u64) -> JobStore {
        let options = JobStoreOptions {
            lease: Duration::from_secs(15),
            retention: Duration::from_secs(60),
            tombstones: Duration::from_secs(60),
            boot_id: boot_id.into(),
            readers: 2,
            backlog_limit: 100,
            disk_reserve_bytes,
            shared: true,
        };
        JobStore::open(&self.path(), self.clock.clone(), options).unwrap()
    }
}

pub(super) fn job(request: JobRequest, tasks: u32) -> NewJob {
    let kind = request.kind();
    NewJob {
        id: JobId::generate(),
        request,
        created_at: Timestamp::from_millis(1_800_000_000_000),
        received: 10,
        rejected: 0,
        tasks: (0..tasks)
            .map(|_| NewTask {
                queue: kind.queue(),
                events: 10,
            })
            .collect(),
        chunks: Vec::new(),
        rejects: Vec::new(),
        upload: None,
        labels: Labels::default(),
        key: None,
        trace: TraceContext::generate(),
    }
}

pub(super) fn submit(tasks: u32) -> NewJob {
    job(
        JobRequest::Submit(SubmitRequest {
            origin: SubmitOrigin::Events,
        }),
        tasks,
    )
}

pub(super) fn report(after: Vec<JobId>) -> NewJob {
    job(
        JobRequest::Report(ReportRequest {
            after,
            ..ReportRequest::default()
        }),
        1,
    )
}

pub(super) fn chunk(first_ordinal: u64) -> InputChunk {
    InputChunk {
        task: 0,
        first_ordinal,
        events: 1,
        body: "{}\n".into(),
    }
}

/// The job that an accept made.
pub(super) fn made(accepted: Accepted) -> JobView {
    match accepted {
        Accepted::Made(job) => *job,
        Accepted::KeyKept(kept) => panic!("its key was used for {}", kept.job),
    }
}

pub(super) async fn found(store: &JobStore, id: JobId) -> JobView {
    match store.job(id, 10).await.unwrap() {
        JobLookup::Found(view) => *view,
        other => panic!("{other:?}"),
    }
}

pub(super) fn task(job: JobId, task: u32) -> TaskRef {
    TaskRef { job, task }
}

pub(super) fn done(events: u64) -> Outcome {
    Outcome::Published(Published {
        events,
        ..Published::default()
    })
}

/// Writes one outcome.
pub(super) async fn finish(store: &JobStore, lease: Lease, outcome: Outcome) -> Finished {
    let ends = [AttemptEnd { lease, outcome }];
    store.finish(ends.into()).await.unwrap().remove(0)
}

/// A writer that is busy, so that what comes meanwhile shares a batch.
pub(super) struct Held {
    turn: Arc<Barrier>,
    write: tokio::task::JoinHandle<Result<(), StoreError>>,
}

impl Held {
    pub(super) async fn hold(store: &JobStore) -> Self {
        let turn = Arc::new(Barrier::new(2));
        let (store, theirs) = (store.clone(), Arc::clone(&turn));
        let write = tokio::spawn(async move {
            let hold = move |_: &Tx<'_>| {
                theirs.wait();
                theirs.wait();
                Ok(())
            };
            store.write(Write::relaxed("wake"), hold).await
        });
        turn.wait();
        Self { turn, write }
    }

    pub(super) async fn release(self) {
        self.turn.wait();
        self.write.await.unwrap().unwrap();
    }
}

/// Until so many writes wait for the writer.
pub(super) async fn waiting(store: &JobStore, writes: usize) {
    let until = async {
        while store.shared.writer.waiting() < writes {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), until)
        .await
        .expect("the writes arrive");
}
