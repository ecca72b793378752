//! Schedules as they are kept, and the one step by which a slot becomes a job.

use async_trait::async_trait;

use super::{NewJob, StoreError};
use crate::job::QueueName;
use crate::schedule::{Firing, Schedule, ScheduleId, ScheduleRule};
use crate::time::Timestamp;

/// Keeps schedules.
#[async_trait]
pub trait ScheduleStore: Send + Sync {
    /// Keeps a new schedule, flushed; `false` when there are [`SCHEDULES_MAX`] already. The same schedule again changes
    /// nothing.
    ///
    /// # Errors
    /// [`StoreError::OutcomeUnknown`] when the commit failed at the disk (P3).
    async fn add_schedule(&self, schedule: Schedule) -> Result<bool, StoreError>;

    /// Brings the configured schedule in line with the configuration: `None` removes it. One with the same rule goes
    /// on from where it stands; another rule begins anew at `now`.
    ///
    /// # Errors
    /// Any fault of the store.
    async fn keep_configured(&self, rule: Option<ScheduleRule>, now: Timestamp) -> Result<(), StoreError>;

    /// All schedules, oldest first; the configured one goes before them.
    ///
    /// # Errors
    /// Any fault of the store.
    async fn schedules(&self) -> Result<Vec<Schedule>, StoreError>;

    /// The schedule of this id.
    ///
    /// # Errors
    /// Any fault of the store.
    async fn schedule(&self, id: ScheduleId) -> Result<Option<Schedule>, StoreError>;

    /// Removes a schedule, flushed. Its jobs stay.
    ///
    /// # Errors
    /// Any fault of the store.
    async fn remove_schedule(&self, id: ScheduleId) -> Result<ScheduleRemoval, StoreError>;

    /// Schedules whose next slot is at `now` or before, longest due first.
    ///
    /// # Errors
    /// Any fault of the store.
    async fn due_schedules(&self, now: Timestamp, limit: usize) -> Result<Vec<Schedule>, StoreError>;

    /// Takes a step of a schedule and makes the job of its slot, in one flushed transaction, if the schedule still
    /// stands where the step begins: of all processes that try, one makes the job.
    ///
    /// # Errors
    /// [`StoreError::Busy`] when the limits of admission are reached: the schedule stays where it is.
    async fn fire(&self, id: ScheduleId, firing: Firing, job: Option<NewJob>) -> Result<Fired, StoreError>;
}

/// Schedules that can be kept at a time.
pub const SCHEDULES_MAX: usize = 1_000;

/// What became of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fired {
    /// It was taken; the queues in which its job made a task due.
    Taken(Vec<QueueName>),
    /// Another process took it, or the schedule is gone.
    Elsewhere,
}

/// What became of a removal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScheduleRemoval {
    /// It is gone.
    Removed,
    /// It stands in the configuration and stays.
    Configured,
    /// There is none.
    Unknown,
}
