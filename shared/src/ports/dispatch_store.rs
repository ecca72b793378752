//! Step 3: tasks that wait are read, sent and marked (P5, P6).

use std::time::Duration;

use async_trait::async_trait;

use super::StoreError;
use crate::job::{QueueName, TaskRef};
use crate::wire::TraceContext;

/// What the dispatcher needs of the store.
#[async_trait]
pub trait DispatchStore: Send + Sync {
    /// Up to `limit` tasks of the queue that are due and not sent, longest due first. Never more than the queue's
    /// window of sent and unclaimed tasks leaves room for (P5), and of what others left none while that window is
    /// more than half full: then somebody sends, and what waits does so for room.
    ///
    /// # Errors
    /// Any fault of the store.
    async fn due(&self, queue: QueueName, limit: usize, whose: Whose) -> Result<DueTasks, StoreError>;

    /// Marks tasks as sent where they are still queued under the same dispatch number (P6); returns how many.
    ///
    /// # Errors
    /// Any fault of the store.
    async fn mark_sent(&self, sent: Vec<DueTask>) -> Result<u64, StoreError>;

    /// Makes tasks due again whose wake-up seems lost: those sent longer ago than their resend delay (60 s,
    /// doubling), or, when the queue was `found_empty`, those sent more than two seconds ago (P5). Returns
    /// how many.
    ///
    /// # Errors
    /// Any fault of the store.
    async fn resend(&self, queue: QueueName, found_empty: bool) -> Result<u64, StoreError>;

    /// How long until the next task of the queue comes due; `None` when none waits for its time.
    ///
    /// # Errors
    /// Any fault of the store.
    async fn next_due(&self, queue: QueueName) -> Result<Option<Duration>, StoreError>;

    /// Sent and unclaimed tasks of the queue.
    ///
    /// # Errors
    /// Any fault of the store.
    async fn outstanding(&self, queue: QueueName) -> Result<u64, StoreError>;
}

/// Whose work a dispatcher looks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// Its own: whatever is due.
    Ours,
    /// What has been due for this long, and others should have sent.
    LeftBehind(Duration),
}

/// What is to be sent now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DueTasks {
    /// The tasks, longest due first.
    pub tasks: Vec<DueTask>,
    /// Whether others are due that the limit, or a full window, kept back.
    pub more: bool,
}

/// A task that is to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueTask {
    /// The task.
    pub task: TaskRef,
    /// Which return to `queued` the sending belongs to.
    pub dispatch_no: i64,
    /// The job's trace.
    pub trace: TraceContext,
}
