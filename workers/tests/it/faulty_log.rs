//! An event log that fails, keeps its answers back, or becomes another one when a test wants it.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, RwLock};

use async_trait::async_trait;
use shared::ports::{
    ComponentHealth, EventLog, Health, LogBatch, LogDelivery, LogEntry, LogError, LogReader, LogRecord,
    PartitionEnd,
};
use tokio::sync::watch;

use crate::bench::{BOUND, TOPIC};

pub(crate) struct FaultyLog {
    inner: RwLock<Arc<dyn EventLog>>,
    failures_left: AtomicU32,
    panics: AtomicBool,
    reads_fail: AtomicBool,
    begins_later: AtomicBool,
    answers_held: watch::Sender<bool>,
    publishes: watch::Sender<u32>,
}

impl FaultyLog {
    pub(crate) fn new(inner: Arc<dyn EventLog>) -> Self {
        Self {
            inner: RwLock::new(inner),
            failures_left: AtomicU32::new(0),
            panics: AtomicBool::new(false),
            reads_fail: AtomicBool::new(false),
            begins_later: AtomicBool::new(false),
            answers_held: watch::Sender::new(false),
            publishes: watch::Sender::new(0),
        }
    }

    /// Returns the log that was there before.
    pub(crate) fn replace(&self, another: Arc<dyn EventLog>) -> Arc<dyn EventLog> {
        std::mem::replace(&mut *self.inner.write().unwrap(), another)
    }

    /// The next publishes fail, and nothing of them gets into the log.
    pub(crate) fn fail_publishes(&self, times: u32) {
        self.failures_left.store(times, Ordering::SeqCst);
    }

    /// The next publish panics.
    pub(crate) fn panic_once(&self) {
        self.panics.store(true, Ordering::SeqCst);
    }

    /// Nobody gets a reader, or gets one again.
    pub(crate) fn fail_reads(&self, fail: bool) {
        self.reads_fail.store(fail, Ordering::SeqCst);
    }

    /// As a topic whose first records were deleted.
    pub(crate) fn lose_beginning(&self) {
        self.begins_later.store(true, Ordering::SeqCst);
    }

    /// What is published from now on gets into the log, and its acknowledgements stay out.
    pub(crate) fn hold_answers(&self) {
        self.answers_held.send_replace(true);
    }

    pub(crate) fn release_answers(&self) {
        self.answers_held.send_replace(false);
    }

    /// Returns when this many publishes have reached the log since the test began.
    pub(crate) async fn published(&self, times: u32) {
        let mut publishes = self.publishes.subscribe();
        let reached = publishes.wait_for(|now| *now >= times);
        tokio::time::timeout(BOUND, reached).await.unwrap().unwrap();
    }

    pub(crate) fn publishes(&self) -> u32 {
        *self.publishes.borrow()
    }

    pub(crate) async fn records(&self) -> u64 {
        let ends = self.inner().ends().await.unwrap();
        ends.iter().map(|end| end.next_offset.unsigned_abs()).sum()
    }

    fn inner(&self) -> Arc<dyn EventLog> {
        Arc::clone(&*self.inner.read().unwrap())
    }
}

fn away(operation: &'static str) -> LogError {
    LogError::Away {
        operation,
        source: None,
    }
}

impl Health for FaultyLog {
    fn health(&self) -> ComponentHealth {
        self.inner().health()
    }
}

#[async_trait]
impl EventLog for FaultyLog {
    fn topic(&self) -> &str {
        TOPIC
    }

    async fn prepare(&self) -> Result<u32, LogError> {
        self.inner().prepare().await
    }

    async fn publish(&self, records: Vec<LogRecord>) -> Vec<Result<LogDelivery, LogError>> {
        assert!(!self.panics.swap(false, Ordering::SeqCst), "a test");
        let left = self
            .failures_left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if left.is_ok() {
            return records.iter().map(|_| Err(away("publish"))).collect();
        }
        let answers = self.inner().publish(records).await;
        self.publishes.send_modify(|publishes| *publishes += 1);
        let mut held = self.answers_held.subscribe();
        held.wait_for(|held| !held).await.unwrap();
        answers
    }

    async fn ends(&self) -> Result<Vec<PartitionEnd>, LogError> {
        self.inner().ends().await
    }

    async fn read(&self, from: Vec<PartitionEnd>) -> Result<Box<dyn LogReader>, LogError> {
        if self.reads_fail.load(Ordering::SeqCst) {
            return Err(away("read"));
        }
        let missing = from.iter().find(|from| from.next_offset == 0);
        if let Some(missing) = missing.filter(|_| self.begins_later.load(Ordering::SeqCst)) {
            return Ok(Box::new(Beginningless(*missing)));
        }
        self.inner().read(from).await
    }

    async fn record_at(&self, partition: i32, offset: i64) -> Result<Option<LogEntry>, LogError> {
        self.inner().record_at(partition, offset).await
    }
}

/// Reads a partition that holds nothing at offset 0.
struct Beginningless(PartitionEnd);

#[async_trait]
impl LogReader for Beginningless {
    async fn next(&mut self, _max: usize) -> Result<LogBatch, LogError> {
        Err(LogError::OutOfRange {
            partition: self.0.partition,
            offset: self.0.next_offset,
        })
    }

    fn show_progress(&mut self, _positions: &[PartitionEnd]) {}
}
