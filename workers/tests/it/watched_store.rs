//! The attempt store, whose answers to heartbeats and outcomes a test can wait for or spoil.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use async_trait::async_trait;
use shared::adapters::sqlite::jobs::JobStore;
use shared::job::{JobId, Lease, TaskRef, WorkerId};
use shared::ports::{
    AttemptEnd, AttemptStore, Claimed, Finished, Heartbeat, HeartbeatOutcome, InputChunk, RecordMark,
    StoreError,
};
use tokio::sync::watch;

use crate::bench::BOUND;

pub(crate) struct WatchedStore {
    inner: JobStore,
    cancels_told: watch::Sender<u32>,
    finishes_to_fail: AtomicU32,
    together_fails: AtomicBool,
    holds_finishes: watch::Sender<bool>,
    /// Whose outcomes are held.
    held: watch::Sender<Vec<JobId>>,
    claims_to_fail: AtomicU32,
}

impl WatchedStore {
    pub(crate) fn new(inner: JobStore) -> Self {
        Self {
            inner,
            cancels_told: watch::Sender::new(0),
            finishes_to_fail: AtomicU32::new(0),
            together_fails: AtomicBool::new(false),
            holds_finishes: watch::Sender::new(false),
            held: watch::Sender::default(),
            claims_to_fail: AtomicU32::new(0),
        }
    }

    pub(crate) fn fail_finishes(&self, times: u32) {
        self.finishes_to_fail.store(times, Ordering::SeqCst);
    }

    /// From now on outcomes are written one at a time, as if one of several made the store fail.
    pub(crate) fn fail_together(&self) {
        self.together_fails.store(true, Ordering::SeqCst);
    }

    /// From now on no outcome is written, or all are.
    pub(crate) fn hold_finishes(&self, hold: bool) {
        self.holds_finishes.send_replace(hold);
    }

    /// The jobs whose outcomes are held, once they are as the test waits for.
    pub(crate) async fn held(&self, awaited: impl Fn(&[JobId]) -> bool) -> Vec<JobId> {
        let mut held = self.held.subscribe();
        let reached = held.wait_for(|held| awaited(held));
        let reached = tokio::time::timeout(BOUND, reached).await;
        reached.unwrap().unwrap().clone()
    }

    pub(crate) fn fail_claims(&self, times: u32) {
        self.claims_to_fail.store(times, Ordering::SeqCst);
    }

    /// Returns when a holder has learnt of the cancel: the second beat comes after it learnt from the first.
    pub(crate) async fn holder_told_of_cancel(&self) {
        let mut told = self.cancels_told.subscribe();
        let reached = told.wait_for(|told| *told >= 2);
        tokio::time::timeout(BOUND, reached).await.unwrap().unwrap();
    }
}

fn spoilt(left: &AtomicU32) -> Result<(), StoreError> {
    match left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)) {
        Ok(_) => Err(StoreError::Busy {
            reason: "a test".to_owned(),
        }),
        Err(_) => Ok(()),
    }
}

#[async_trait]
impl AttemptStore for WatchedStore {
    async fn claim(&self, tasks: Vec<TaskRef>, worker: &WorkerId) -> Result<Vec<Claimed>, StoreError> {
        spoilt(&self.claims_to_fail)?;
        self.inner.claim(tasks, worker).await
    }

    async fn heartbeat(&self, beats: Vec<Heartbeat>) -> Result<Vec<HeartbeatOutcome>, StoreError> {
        let outcomes = self.inner.heartbeat(beats).await?;
        if outcomes.contains(&HeartbeatOutcome::Cancelling) {
            self.cancels_told.send_modify(|told| *told += 1);
        }
        Ok(outcomes)
    }

    async fn run_alone(&self, lease: Lease) -> Result<bool, StoreError> {
        self.inner.run_alone(lease).await
    }

    async fn input(&self, task: TaskRef, index: u32) -> Result<Option<InputChunk>, StoreError> {
        self.inner.input(task, index).await
    }

    async fn finish(&self, ends: Arc<[AttemptEnd]>) -> Result<Vec<Finished>, StoreError> {
        spoilt(&self.finishes_to_fail)?;
        if ends.len() > 1 && self.together_fails.load(Ordering::SeqCst) {
            return Err(StoreError::Failed {
                operation: "finish",
                source: "a test".into(),
            });
        }
        let mut holds = self.holds_finishes.subscribe();
        if *holds.borrow() {
            let jobs = ends.iter().map(|end| end.lease.task.job);
            self.held.send_modify(|held| held.extend(jobs));
            holds.wait_for(|holds| !holds).await.unwrap();
        }
        self.inner.finish(ends).await
    }

    async fn log_marks(&self) -> Result<Vec<RecordMark>, StoreError> {
        self.inner.log_marks().await
    }

    async fn forget_log_marks(&self) -> Result<(), StoreError> {
        self.inner.forget_log_marks().await
    }
}
