//! Step 2, the body of a submit: packed, counted, and staged under an upload when it is long (P1).

use shared::event::{CleanEvent, Fault};
use shared::job::{JobId, JobRequest, SubmitOrigin, SubmitRequest};
use shared::ports::{AcceptStore, Clock, InputChunk, KeyUse, NewJob, RejectRecord, StoreError, UploadId};

use super::Envelope;
use crate::intake::{Chunks, MAX_FAULTS, Record};
use crate::refusal::Refusal;

/// A body up to this size is accepted in one transaction, a longer one is staged.
const WHOLE_BYTES: usize = 4 * 1024 * 1024;
/// Bytes of rejects that are staged at a time, once the body is staged.
const REJECT_BYTES: usize = 1024 * 1024;
/// Each staging renews the upload's lease, so a slow body stages what it has this often.
const RENEW_MS: i64 = 5_000;
/// Rejects that are kept for a job; the count stays exact.
const MAX_REJECTS: u64 = 100_000;

/// The records of a job that is not visible yet.
pub(super) struct Staging<'s> {
    store: &'s dyn AcceptStore,
    clock: &'s dyn Clock,
    job: JobId,
    chunks: Chunks,
    full: Vec<InputChunk>,
    rejects: Vec<RejectRecord>,
    unstaged_bytes: usize,
    received: u64,
    rejected: u64,
    faults: Vec<Fault>,
    staged_at_ms: Option<i64>,
}

impl<'s> Staging<'s> {
    pub(super) fn new(store: &'s dyn AcceptStore, clock: &'s dyn Clock, job: JobId) -> Self {
        Self {
            store,
            clock,
            job,
            chunks: Chunks::default(),
            full: Vec::new(),
            rejects: Vec::new(),
            unstaged_bytes: 0,
            received: 0,
            rejected: 0,
            faults: Vec::new(),
            staged_at_ms: None,
        }
    }

    /// The job whose events these are.
    pub(super) fn job(&self) -> JobId {
        self.job
    }

    pub(super) fn received(&self) -> u64 {
        self.received
    }

    pub(super) fn nothing_valid(&self) -> bool {
        self.rejected == self.received
    }

    /// The first faults, for the refusal of a body that has nothing else.
    pub(super) fn into_faults(self) -> Vec<Fault> {
        self.faults
    }

    /// Takes the next record.
    pub(super) fn add(&mut self, record: Record) {
        let ordinal = self.received;
        self.received += 1;
        match record {
            Ok(event) => {
                if let Some(full) = self.chunks.push(ordinal, &event) {
                    self.unstaged_bytes += full.body.len();
                    self.full.push(full);
                }
            }
            Err(rejected) => {
                self.rejected += 1;
                if self.faults.len() < MAX_FAULTS {
                    self.faults.push(Fault {
                        detail: format!("line {}: {}", rejected.line, rejected.fault.detail),
                        ..rejected.fault.clone()
                    });
                }
                if self.rejected <= MAX_REJECTS {
                    let reject = rejected.into_record();
                    self.unstaged_bytes += reject.raw.len() + reject.reason.len() + size_of::<RejectRecord>();
                    self.rejects.push(reject);
                }
            }
        }
    }

    /// Takes the next records.
    ///
    /// # Errors
    /// Those of [`AcceptStore::stage`].
    pub(super) async fn add_all(&mut self, records: Vec<Record>) -> Result<(), StoreError> {
        records.into_iter().for_each(|record| self.add(record));
        self.relieve().await
    }

    /// Takes all these events.
    ///
    /// # Errors
    /// The store's refusal.
    pub(super) async fn fill(&mut self, events: Vec<CleanEvent>) -> Result<(), Refusal> {
        for event in events {
            self.add(Ok(event));
            self.relieve().await?;
        }
        Ok(())
    }

    /// Stages what has piled up, once the body has turned out to be long.
    ///
    /// # Errors
    /// Those of [`AcceptStore::stage`].
    pub(super) async fn relieve(&mut self) -> Result<(), StoreError> {
        let now = self.clock.boot_ms();
        let due = match self.staged_at_ms {
            None => self.unstaged_bytes > WHOLE_BYTES,
            Some(at) => !self.full.is_empty() || self.unstaged_bytes > REJECT_BYTES || now - at >= RENEW_MS,
        };
        if !due {
            return Ok(());
        }
        self.staged_at_ms = Some(now);
        if self.full.is_empty() {
            self.full.extend(self.chunks.flush());
        }
        let chunks = std::mem::take(&mut self.full);
        let rejects = std::mem::take(&mut self.rejects);
        self.store.stage(self.upload(), chunks, rejects).await?;
        self.unstaged_bytes = 0;
        Ok(())
    }

    /// Drops what was staged; where that fails, the sweep of lapsed uploads does it later.
    pub(super) async fn discard(&self) {
        if self.staged_at_ms.is_none() {
            return;
        }
        if let Err(error) = self.store.discard(self.upload()).await {
            let error: &(dyn std::error::Error + 'static) = &error;
            tracing::warn!(job.id = %self.job, error, "staged upload not discarded");
        }
    }

    /// The job that makes all of it visible.
    pub(super) fn into_job(
        mut self,
        origin: SubmitOrigin,
        key: Option<KeyUse>,
        envelope: Envelope,
    ) -> NewJob {
        self.full.extend(self.chunks.flush());
        NewJob {
            id: self.job,
            request: JobRequest::Submit(SubmitRequest { origin }),
            created_at: self.clock.wall(),
            received: self.received,
            rejected: self.rejected,
            upload: self.staged_at_ms.map(|_| self.upload()),
            tasks: self.chunks.into_tasks(),
            chunks: self.full,
            rejects: self.rejects,
            labels: envelope.labels,
            key,
            trace: envelope.trace,
        }
    }

    /// The job's own id names its upload: it was drawn before the body was read, and is as unique.
    fn upload(&self) -> UploadId {
        UploadId(self.job.0)
    }
}
