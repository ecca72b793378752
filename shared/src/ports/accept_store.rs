//! Step 2: a request becomes a durable job (P1: staged, then visible).

use async_trait::async_trait;
use bytes::Bytes;
use uuid::Uuid;

use super::StoreError;
use crate::job::{
    IdempotencyKey, JobId, JobRequest, JobState, JobView, Labels, Progress, QueueName, RequestDigest,
};
use crate::time::Timestamp;
use crate::wire::TraceContext;

/// Stages bodies and makes jobs visible.
#[async_trait]
pub trait AcceptStore: Send + Sync {
    /// Stores a part of a long body under an upload row and renews the upload's lease, unflushed.
    ///
    /// # Errors
    /// [`StoreError::UploadLapsed`] when the upload existed and was swept; [`StoreError::Busy`] when the
    /// writer had no turn in time.
    async fn stage(
        &self,
        upload: UploadId,
        chunks: Vec<InputChunk>,
        rejects: Vec<RejectRecord>,
    ) -> Result<(), StoreError>;

    /// Makes job, tasks, input, rejects and key visible in one flushed transaction. Chunks that were staged under
    /// `upload` become the job's input. A key that is kept already makes no job, whatever the limits say.
    ///
    /// # Errors
    /// [`StoreError::OutcomeUnknown`] when the commit failed at the disk (P3).
    async fn accept(&self, job: NewJob) -> Result<Accepted, StoreError>;

    /// What an idempotency key stands for; `None` when it is free.
    ///
    /// # Errors
    /// Any fault of the store.
    async fn key(&self, key: &IdempotencyKey) -> Result<Option<KeptKey>, StoreError>;

    /// Drops what was staged under an upload that will not be accepted.
    ///
    /// # Errors
    /// Any fault of the store; the sweep removes the upload later.
    async fn discard(&self, upload: UploadId) -> Result<(), StoreError>;

    /// Drops uploads whose lease has lapsed; returns how many.
    ///
    /// # Errors
    /// Any fault of the store.
    async fn sweep_uploads(&self) -> Result<u64, StoreError>;
}

/// Names one upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UploadId(pub Uuid);

/// A run of cleaned events, at most 1 MiB, in the format of [`crate::wire::StoredEvent`].
#[derive(Clone, Debug)]
pub struct InputChunk {
    /// The task that will publish the chunk. A chunk never spans tasks.
    pub task: u32,
    /// The ordinal of the first event.
    pub first_ordinal: u64,
    /// Number of events.
    pub events: u32,
    /// The stored events, one line each.
    pub body: Bytes,
}

/// A refused record of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RejectRecord {
    /// The first physical line of the record, from 1.
    pub line: u64,
    /// The first fault's place, like `#/address/city`.
    pub pointer: String,
    /// The fault's code.
    pub code: &'static str,
    /// A sentence for a person.
    pub reason: String,
    /// The raw record, at most 1 KiB.
    pub raw: String,
}

/// A job to be made.
#[derive(Clone, Debug)]
pub struct NewJob {
    /// Drawn before the body was read: sample users and event ids depend on it.
    pub id: JobId,
    /// What is asked for.
    pub request: JobRequest,
    /// The accept's time.
    pub created_at: Timestamp,
    /// Non-blank records.
    pub received: u64,
    /// Refused records.
    pub rejected: u64,
    /// The tasks, numbered by their place. Never empty.
    pub tasks: Vec<NewTask>,
    /// Chunks that were not staged before.
    pub chunks: Vec<InputChunk>,
    /// Rejects that were not staged before.
    pub rejects: Vec<RejectRecord>,
    /// The upload under which chunks were staged.
    pub upload: Option<UploadId>,
    /// What its caller calls it.
    pub labels: Labels,
    /// The client's key, kept with the job.
    pub key: Option<KeyUse>,
    /// The trace that the job belongs to.
    pub trace: TraceContext,
}

impl NewJob {
    /// What `revision` starts at.
    pub const FIRST_REVISION: u64 = 1;

    /// A job of one task that needs no input, without labels or a key.
    #[must_use]
    pub fn without_input(id: JobId, request: JobRequest, created_at: Timestamp, trace: TraceContext) -> Self {
        let queue = request.kind().queue();
        Self {
            id,
            request,
            created_at,
            received: 0,
            rejected: 0,
            tasks: vec![NewTask { queue, events: 0 }],
            chunks: Vec::new(),
            rejects: Vec::new(),
            upload: None,
            labels: Labels::default(),
            key: None,
            trace,
        }
    }

    /// The job as it can be read once it is accepted at this place in the order of acceptance.
    #[must_use]
    pub fn accepted(&self, seq: i64) -> JobView {
        JobView {
            id: self.id,
            seq,
            request: self.request.clone(),
            state: JobState::Queued,
            revision: Self::FIRST_REVISION,
            retry_of: None,
            labels: self.labels.clone(),
            created_at: self.created_at,
            started_at: None,
            ended_at: None,
            expires_at: None,
            progress: Progress {
                received: self.received,
                rejected: self.rejected,
                published: 0,
            },
            receipts: Vec::new(),
            attempts: Vec::new(),
            report: None,
            error: None,
        }
    }
}

/// A key with the request that it is used for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyUse {
    /// The client's key.
    pub key: IdempotencyKey,
    /// The request.
    pub request: RequestDigest,
}

/// What a key stands for. It outlives the job (contract.md §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeptKey {
    /// The request that used it first.
    pub request: RequestDigest,
    /// The job that came of it.
    pub job: JobId,
}

/// A task to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewTask {
    /// The queue that wakes its worker.
    pub queue: QueueName,
    /// Number of events to publish; 0 for a report.
    pub events: u64,
}

/// What became of an accept.
#[derive(Clone, Debug)]
pub enum Accepted {
    /// The job is visible.
    Made(Box<JobView>),
    /// Its key had been used; nothing was changed, and what was staged is still there.
    KeyKept(KeptKey),
}
