//! Steps 4 and 7: a delivery becomes a claimed attempt, and its outcome moves the task, fenced by its lease.

use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{InputChunk, PartitionEnd, RecordMark, StoreError};
use crate::job::{
    Failure, JobError, JobId, JobRequest, JobState, Lease, QueueName, Receipt, Report, TaskRef, TaskState,
    WorkerId,
};
use crate::time::Timestamp;
use crate::wire::TraceContext;

/// Claims, heartbeats and outcomes.
#[async_trait]
pub trait AttemptStore: Send + Sync {
    /// Claims what can be claimed of `tasks`; an ended, unknown, held or not yet due task is left out (P6).
    ///
    /// # Errors
    /// Any fault of the store: then nothing was claimed.
    async fn claim(&self, tasks: Vec<TaskRef>, worker: &WorkerId) -> Result<Vec<Claimed>, StoreError>;

    /// Extends leases and records progress, ahead of other writes (P9). One outcome per heartbeat, in order.
    ///
    /// # Errors
    /// Any fault of the store: then no lease was extended.
    async fn heartbeat(&self, beats: Vec<Heartbeat>) -> Result<Vec<HeartbeatOutcome>, StoreError>;

    /// Notes that the task now runs alone in its process, so that a death counts against it (P13); `false` when
    /// the lease is no longer ours.
    ///
    /// # Errors
    /// Any fault of the store.
    async fn run_alone(&self, lease: Lease) -> Result<bool, StoreError>;

    /// The input of a submit task: its chunk number `index` in order; `None` past the last.
    ///
    /// # Errors
    /// Any fault of the store.
    async fn input(&self, task: TaskRef, index: u32) -> Result<Option<InputChunk>, StoreError>;

    /// Writes how attempts ended, all in one transaction. Flushed where a task ends (P2); the last open task ends the
    /// job in the same transaction (P7), which also wakes reports that wait for the job. One answer per end, in order.
    ///
    /// # Errors
    /// Any fault of the store, even if it lies with one of the ends: then none is known to be written, and the same ends
    /// may be given again.
    async fn finish(&self, ends: Arc<[AttemptEnd]>) -> Result<Vec<Finished>, StoreError>;

    /// The highest acknowledged offset and its event id for each partition, as the ends of tasks left them (P17).
    ///
    /// # Errors
    /// Any fault of the store.
    async fn log_marks(&self) -> Result<Vec<RecordMark>, StoreError>;

    /// Forgets the marks, flushed: an operator has given the log up that they are of, and another one is written to.
    ///
    /// # Errors
    /// Any fault of the store.
    async fn forget_log_marks(&self) -> Result<(), StoreError>;
}

/// A task that was claimed.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// The right to write its outcome.
    pub lease: Lease,
    /// The number of the attempt, from 1.
    pub attempt: u32,
    /// How often a process vanished while it held the task; from the first time on it runs alone (P13).
    pub deaths: u32,
    /// What the job asks for.
    pub request: JobRequest,
    /// The job whose input is published, and from which event ids derive (P11).
    pub root: JobId,
    /// When the job was accepted.
    pub created_at: Timestamp,
    /// Events of a submit task.
    pub events: u64,
    /// What earlier attempts have shown of their progress.
    pub published: u64,
    /// The first chunk of the input where the store had it at hand; spares a second read.
    pub first_chunk: Option<InputChunk>,
    /// What an earlier attempt of a report left when it parked.
    pub parked: Option<Parked>,
    /// The job's trace.
    pub trace: TraceContext,
}

/// One sign of life of an attempt.
#[derive(Clone, Copy, Debug)]
pub struct Heartbeat {
    /// The lease to extend.
    pub lease: Lease,
    /// Deliveries so far in this attempt.
    pub published: u64,
}

/// What a heartbeat learnt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeartbeatOutcome {
    /// The lease was extended.
    Held,
    /// The lease was extended, and the job is being cancelled: stop, drain, finish.
    Cancelling,
    /// The lease is no longer ours: stop, and write nothing.
    Lost,
}

/// An attempt that has ended.
#[derive(Clone, Debug)]
pub struct AttemptEnd {
    /// The right to say so.
    pub lease: Lease,
    /// How it ended.
    pub outcome: Outcome,
}

/// How an attempt ended.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// All events of the task are acknowledged.
    Published(Published),
    /// The report was made.
    Reported(Box<Report>),
    /// The report was mailed, or logged where mail is off.
    Mailed,
    /// Of the jobs that matched, as many were changed.
    Changed {
        /// Jobs that the filter found.
        matched: u64,
        /// Jobs that were cancelled or retried.
        changed: u64,
    },
    /// The attempt failed.
    Failed {
        /// What it means for the task.
        failure: Failure,
        /// What had been acknowledged before.
        published: Published,
    },
    /// The report waits and holds no worker (P22).
    Park(Parked),
    /// A clean stop, or a cancel that the holder noticed: the task returns to `queued` at once, or ends with
    /// its cancelled job.
    HandBack(Published),
}

impl Outcome {
    /// Whether the outcome must be flushed before anything depends on it. A task of a cancelling job always is.
    #[must_use]
    pub const fn ends_task(&self) -> bool {
        match self {
            Self::Published(_) | Self::Reported(_) | Self::Mailed | Self::Changed { .. } => true,
            Self::Failed {
                failure,
                published: _,
            } => matches!(failure, Failure::Permanent(JobError { .. })),
            Self::Park(_) | Self::HandBack(_) => false,
        }
    }
}

/// Acknowledged deliveries of one attempt.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Published {
    /// Number of deliveries.
    pub events: u64,
    /// Where they stand.
    pub receipts: Vec<Receipt>,
    /// Per partition the record at its highest acknowledged offset (P17).
    pub marks: Vec<RecordMark>,
}

/// What a report waits for, and what it has already fixed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parked {
    /// The bound, once it was taken (P21): a missing one is taken anew, never read as "no bound".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound: Option<Vec<PartitionEnd>>,
    /// What it waits for.
    pub condition: ParkCondition,
}

/// The condition that wakes a parked task.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ParkCondition {
    /// The jobs of the request's `after` have ended. The store itself wakes the task with the last of them.
    #[default]
    JobsEnded,
    /// The projection has reached the bound. The projector and the rescuer wake the task.
    BoundReached,
}

/// What the store made of an outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// The task's state now; `None` when the lease was no longer ours and nothing was written.
    pub task: Option<TaskState>,
    /// The job's state now, where the lease was ours.
    pub job: Option<JobState>,
    /// Queues in which the transaction made tasks due.
    pub woke: Vec<QueueName>,
}
