//! The harness: one job store, projection, log and queue, worker processes over them, and verbs.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use shared::adapters::embedded::InProcessQueue;
use shared::adapters::sqlite::jobs::{JobStore, JobStoreOptions};
use shared::adapters::sqlite::log::SqliteLog;
use shared::adapters::sqlite::projection::ProjectionStore;
use shared::adapters::system::SystemClock;
use shared::dispatch::DispatchHandle;
use shared::event::{Address, CleanEvent, CleanUser};
use shared::job::{
    JobId, JobKind, JobRequest, JobView, Labels, Report, ReportRequest, Role, SubmitOrigin, SubmitRequest,
};
use shared::mail::AllowedRecipients;
use shared::ports::{
    AcceptStore, ChangeFeed, Clock, EventLog, InputChunk, JobLookup, JobReader, LogStanding, NewJob, NewTask,
    Standing,
};
use shared::testing::mailer::RecordingMailer;
use shared::testing::wait::wait_until;
use shared::time::Timestamp;
use shared::wire::{StoredEvent, TraceContext};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use workers::ports::MailRules;
use workers::project::{RebuildFault, Rebuilder, Rebuilt};

use crate::faulty_log::FaultyLog;
use crate::process::Process;
use crate::watched_store::WatchedStore;

/// How long a test waits for something that has to happen.
pub(crate) const BOUND: Duration = Duration::from_secs(60);
/// How soon a wait looks again when nobody told it of a change.
const LOOK_EVERY: Duration = Duration::from_millis(50);
pub(crate) const TOPIC: &str = "user-events";

/// What the processes of one test share.
pub(crate) struct Bench {
    pub(crate) clock: Arc<TestClock>,
    pub(crate) store: JobStore,
    pub(crate) watched: Arc<WatchedStore>,
    pub(crate) projection: ProjectionStore,
    pub(crate) log: Arc<FaultyLog>,
    pub(crate) queue: Arc<InProcessQueue>,
    pub(crate) mailer: Arc<RecordingMailer>,
    pub(crate) mail: MailRules,
    pub(crate) lease: Duration,
    pub(crate) dispatchers: Mutex<Vec<DispatchHandle>>,
    folder: TempDir,
}

/// The host's clocks, which a test can put forward, both alike.
#[derive(Default)]
pub(crate) struct TestClock {
    ahead_ms: AtomicI64,
}

impl TestClock {
    pub(crate) fn pass(&self, time: Duration) {
        let ms = i64::try_from(time.as_millis()).unwrap();
        self.ahead_ms.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn wall(&self) -> Timestamp {
        SystemClock
            .wall()
            .plus_millis(self.ahead_ms.load(Ordering::SeqCst))
    }

    fn boot_ms(&self) -> i64 {
        SystemClock.boot_ms() + self.ahead_ms.load(Ordering::SeqCst)
    }
}

/// What a submit holds: every event is another user's, at one of two places.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) tasks: u32,
    pub(crate) chunks: u32,
    pub(crate) events: u32,
}

impl Shape {
    pub(crate) const ONE_TASK: Self = Self {
        tasks: 1,
        chunks: 1,
        events: 10,
    };

    pub(crate) fn total(self) -> u64 {
        u64::from(self.tasks * self.chunks * self.events)
    }
}

impl Bench {
    pub(crate) async fn new() -> Self {
        Self::with_lease(Duration::from_secs(15)).await
    }

    pub(crate) async fn with_lease(lease: Duration) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(TestClock::default());
        let options = JobStoreOptions {
            lease,
            retention: Duration::from_secs(3600),
            tombstones: Duration::from_secs(3600),
            boot_id: "boot".to_owned(),
            readers: 2,
            backlog_limit: 1_000_000,
            disk_reserve_bytes: 0,
            shared: false,
        };
        let file = |name| folder.path().join(name);
        let store = JobStore::open(&file("jobs.sqlite"), Arc::clone(&clock) as _, options).unwrap();
        let projection = ProjectionStore::open(
            &file("projection.sqlite"),
            Arc::clone(&clock) as _,
            "boot".to_owned(),
            2,
        )
        .unwrap();
        let log = SqliteLog::open(&file("log.sqlite"), TOPIC, Arc::clone(&clock) as _).unwrap();
        Self {
            watched: Arc::new(WatchedStore::new(store.clone())),
            store,
            projection,
            log: Arc::new(FaultyLog::new(Arc::new(log))),
            queue: Arc::new(InProcessQueue::new(&*clock)),
            mailer: Arc::default(),
            mail: MailRules {
                allowed: AllowedRecipients::new(["@example.com".parse().unwrap()], []),
                ..MailRules::default()
            },
            clock,
            lease,
            dispatchers: Mutex::default(),
            folder,
        }
    }

    /// A worker process with all roles.
    pub(crate) fn start(&self) -> Process {
        Process::start(self, 16)
    }

    /// A worker process that publishes nothing.
    pub(crate) fn start_reporting(&self) -> Process {
        Process::with_roles(self, 16, vec![Role::UserStats])
    }

    /// From now on everybody meets another log in the place of the old one, which is returned.
    pub(crate) fn replace_log(&self) -> Arc<dyn EventLog> {
        let file = self.folder.path().join("another-log.sqlite");
        let log = SqliteLog::open(&file, TOPIC, Arc::clone(&self.clock) as _).unwrap();
        self.log.replace(Arc::new(log))
    }

    pub(crate) async fn submit(&self, shape: Shape) -> JobId {
        self.accept(self.new_submit(shape)).await
    }

    /// Accepts several before any is dispatched, so that one claim brings them all.
    pub(crate) async fn submit_together(&self, jobs: Vec<NewJob>) -> Vec<JobId> {
        let mut ids = Vec::new();
        for job in jobs {
            ids.push(job.id);
            self.store.accept(job).await.unwrap();
        }
        self.nudge();
        ids
    }

    pub(crate) fn new_submit(&self, shape: Shape) -> NewJob {
        let mut chunks = Vec::new();
        let mut ordinal = 0;
        for task in 0..shape.tasks {
            for _ in 0..shape.chunks {
                let first_ordinal = ordinal;
                let mut body = Vec::new();
                for _ in 0..shape.events {
                    StoredEvent::write(ordinal, &event(ordinal), &mut body);
                    ordinal += 1;
                }
                let body = body.into();
                chunks.push(InputChunk {
                    task,
                    first_ordinal,
                    events: shape.events,
                    body,
                });
            }
        }
        let events = u64::from(shape.chunks * shape.events);
        let origin = SubmitOrigin::Events;
        let request = JobRequest::Submit(SubmitRequest { origin });
        self.new_job(request, vec![events; shape.tasks as usize], chunks)
    }

    pub(crate) async fn ask(&self, request: ReportRequest) -> JobId {
        self.accept_empty(JobRequest::Report(request)).await
    }

    /// A job of one task without input.
    pub(crate) async fn accept_empty(&self, request: JobRequest) -> JobId {
        self.accept(self.new_job(request, vec![0], Vec::new())).await
    }

    fn new_job(&self, request: JobRequest, tasks: Vec<u64>, chunks: Vec<InputChunk>) -> NewJob {
        let queue = request.kind().queue();
        NewJob {
            id: JobId::generate(),
            request,
            created_at: self.clock.wall(),
            received: tasks.iter().sum(),
            rejected: 0,
            tasks: tasks
                .into_iter()
                .map(|events| NewTask { queue, events })
                .collect(),
            chunks,
            rejects: Vec::new(),
            upload: None,
            labels: Labels::default(),
            key: None,
            trace: TraceContext::generate(),
        }
    }

    async fn accept(&self, job: NewJob) -> JobId {
        let id = job.id;
        self.store.accept(job).await.unwrap();
        self.nudge();
        id
    }

    /// The job's row, which nobody can read from now on.
    pub(crate) fn spoil(&self, id: JobId) {
        let jobs = rusqlite::Connection::open(self.folder.path().join("jobs.sqlite")).unwrap();
        jobs.execute("UPDATE jobs SET kind = 'census' WHERE id = ?1", [id.as_bytes()])
            .unwrap();
    }

    /// What every dispatcher does on its own every second.
    pub(crate) fn nudge(&self) {
        for dispatcher in &*self.dispatchers.lock().unwrap() {
            for kind in JobKind::ALL {
                dispatcher.nudge(kind.queue());
            }
        }
    }

    pub(crate) async fn job(&self, id: JobId) -> JobView {
        match self.store.job(id, 100).await.unwrap() {
            JobLookup::Found(job) => *job,
            other => panic!("job {id}: {other:?}"),
        }
    }

    /// The job once it is as the test waits for.
    pub(crate) async fn until(&self, id: JobId, awaited: impl Fn(&JobView) -> bool) -> JobView {
        let looks = async {
            let mut changes = self.store.changes();
            loop {
                let job = self.job(id).await;
                if awaited(&job) {
                    return job;
                }
                // A feed begins with its first call; what changed just before it is seen by the next look.
                let _ = tokio::time::timeout(LOOK_EVERY, changes.next()).await;
            }
        };
        match tokio::time::timeout(BOUND, looks).await {
            Ok(job) => job,
            Err(_) => panic!("not as awaited: {:#?}", self.job(id).await),
        }
    }

    pub(crate) async fn ended(&self, id: JobId) -> JobView {
        self.until(id, |job| job.state.is_terminal()).await
    }

    /// What the processes say of the log, once it is as the test waits for.
    pub(crate) async fn standing(&self, awaited: impl Fn(&Standing) -> bool) -> Standing {
        wait_until("the standing of the log", BOUND, async || {
            let standing = self.projection.standing().await.unwrap();
            if awaited(&standing) {
                Ok(standing)
            } else {
                Err(format!("{standing:?}"))
            }
        })
        .await
    }

    /// Returns when the log holds so many records, acknowledged or not.
    pub(crate) async fn all_in_the_log(&self, events: u64) {
        wait_until("all events in the log", BOUND, async || {
            let records = self.log.records().await;
            if records == events {
                Ok(())
            } else {
                Err(format!("{records} of {events}"))
            }
        })
        .await;
    }

    /// The counts anew, as the command makes them.
    pub(crate) async fn rebuild(&self, shutdown: &CancellationToken) -> Result<Rebuilt, RebuildFault> {
        let projection = Arc::new(self.projection.clone());
        let rebuilder = Rebuilder {
            log: Arc::clone(&self.log) as _,
            projection: Arc::clone(&projection) as _,
            next: projection,
        };
        rebuilder.run(shutdown).await
    }

    /// A fresh report of everything.
    pub(crate) async fn report(&self) -> Report {
        let id = self.ask(ReportRequest::default()).await;
        let job = self.ended(id).await;
        job.report
            .clone()
            .unwrap_or_else(|| panic!("no report: {job:#?}"))
    }
}

fn event(ordinal: u64) -> CleanEvent {
    let city = if ordinal.is_multiple_of(2) {
        "Detroit"
    } else {
        "detroit"
    };
    CleanEvent {
        event_id: None,
        user: CleanUser {
            id: format!("user-{ordinal}"),
            address: Address {
                city: city.to_owned(),
                state: Some("MI".to_owned()),
                country: "US".to_owned(),
                post_code: None,
            },
            datetime: "2019-05-07T19:54:13.563Z".parse().unwrap(),
        },
    }
}
