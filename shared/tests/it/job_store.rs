//! Every adapter of the ports of the job store runs their conformance suite.

use std::sync::Arc;

use shared::adapters::sqlite::jobs::{JobStore, JobStoreOptions};
use shared::job::WorkerId;
use shared::ports::{
    AcceptStore, AttemptStore, ChangeFeed, DispatchStore, JobControl, JobReader, MailLedger, RescueStore,
    RetentionStore, ScheduleStore,
};
use shared::testing::clock::ManualClock;
use shared::testing::job_store::{BACKLOG_LIMIT, Fixture, LEASE, RETENTION, TOMBSTONES};
use tempfile::TempDir;

struct Sqlite {
    folder: Arc<TempDir>,
    clock: Arc<ManualClock>,
    boot: u32,
    store: JobStore,
}

impl Sqlite {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        Self::open(Arc::new(folder), Arc::default(), 1)
    }

    fn open(folder: Arc<TempDir>, clock: Arc<ManualClock>, boot: u32) -> Self {
        let options = JobStoreOptions {
            lease: LEASE,
            retention: RETENTION,
            tombstones: TOMBSTONES,
            boot_id: format!("boot {boot}"),
            readers: 2,
            backlog_limit: BACKLOG_LIMIT,
            disk_reserve_bytes: 0,
            shared: true,
        };
        let path = folder.path().join("jobs.db");
        let store = JobStore::open(&path, Arc::clone(&clock) as _, options).expect("the store can be opened");
        Self {
            folder,
            clock,
            boot,
            store,
        }
    }
}

impl Fixture for Sqlite {
    fn clock(&self) -> &ManualClock {
        &self.clock
    }

    fn accept(&self) -> Arc<dyn AcceptStore> {
        Arc::new(self.store.clone())
    }

    fn attempts(&self) -> Arc<dyn AttemptStore> {
        Arc::new(self.store.clone())
    }

    fn dispatch(&self) -> Arc<dyn DispatchStore> {
        Arc::new(self.store.clone())
    }

    fn rescue(&self) -> Arc<dyn RescueStore> {
        Arc::new(self.store.clone())
    }

    fn control(&self) -> Arc<dyn JobControl> {
        Arc::new(self.store.clone())
    }

    fn retention(&self) -> Arc<dyn RetentionStore> {
        Arc::new(self.store.clone())
    }

    fn mails(&self) -> Arc<dyn MailLedger> {
        Arc::new(self.store.clone())
    }

    fn schedules(&self) -> Arc<dyn ScheduleStore> {
        Arc::new(self.store.clone())
    }

    fn reader(&self) -> Arc<dyn JobReader> {
        Arc::new(self.store.clone())
    }

    fn feed(&self) -> Box<dyn ChangeFeed> {
        Box::new(self.store.changes())
    }

    fn another(&self) -> Self {
        Self::open(Arc::clone(&self.folder), Arc::clone(&self.clock), self.boot)
    }

    fn kill(&self, worker: &WorkerId) {
        let files = self.folder.path().join("jobs.workers");
        std::fs::create_dir_all(&files).expect("the folder can be made");
        std::fs::write(files.join(&worker.0), "").expect("its file can be left behind");
    }

    fn reopen(&mut self) {
        *self = self.another();
    }

    fn reopen_under_another_boot(&mut self) {
        self.boot += 1;
        self.reopen();
    }
}

shared::job_store_suite!(Sqlite::new());
