//! Steps 4 and 7 as a port: claims, heartbeats and outcomes.

use std::sync::Arc;

use async_trait::async_trait;

use super::finish::{self, Tried};
use super::{JobStore, claim, heartbeat, ledger};
use crate::adapters::sqlite::Write;
use crate::job::{Lease, TaskRef, WorkerId};
use crate::mutant::{self, Mutant};
use crate::ports::{
    AttemptEnd, AttemptStore, Claimed, Finished, Heartbeat, HeartbeatOutcome, InputChunk, RecordMark,
    StoreError,
};

#[async_trait]
impl AttemptStore for JobStore {
    async fn claim(&self, tasks: Vec<TaskRef>, worker: &WorkerId) -> Result<Vec<Claimed>, StoreError> {
        let worker = worker.clone();
        self.write(Write::relaxed("claim"), move |tx| {
            claim::claim(tx, &tasks, &worker)
        })
        .await
    }

    async fn heartbeat(&self, beats: Vec<Heartbeat>) -> Result<Vec<HeartbeatOutcome>, StoreError> {
        self.write(Write::relaxed("heartbeat").first(), move |tx| {
            heartbeat::heartbeat(tx, &beats)
        })
        .await
    }

    async fn run_alone(&self, lease: Lease) -> Result<bool, StoreError> {
        self.write(Write::relaxed("run_alone"), move |tx| claim::run_alone(tx, lease))
            .await
    }

    async fn input(&self, task: TaskRef, index: u32) -> Result<Option<InputChunk>, StoreError> {
        self.read("input", move |connection| claim::input(connection, task, index))
            .await
    }

    async fn finish(&self, ends: Arc<[AttemptEnd]>) -> Result<Vec<Finished>, StoreError> {
        let mut flushed = finish::must_be_flushed(&ends);
        loop {
            let how = if flushed && !mutant::on(Mutant::EndAtNormal) {
                Write::flushed("finish")
            } else {
                Write::relaxed("finish")
            };
            let ends = Arc::clone(&ends);
            let tried = self
                .write(how, move |tx| finish::finish(tx, &ends, flushed))
                .await?;
            match tried {
                Tried::Written(finished) => return Ok(finished),
                Tried::MustBeFlushed => flushed = true,
            }
        }
    }

    async fn log_marks(&self) -> Result<Vec<RecordMark>, StoreError> {
        self.read("log_marks", ledger::marks).await
    }

    async fn forget_log_marks(&self) -> Result<(), StoreError> {
        self.write(Write::flushed("forget_log_marks"), ledger::forget_marks)
            .await
    }
}
