//! What repairs: lapsed leases, parked reports, deadlines, under one lease for all worker processes.

use std::time::Duration;

use async_trait::async_trait;

use super::{PartitionEnd, StoreError};
use crate::job::{JobError, QueueName, TaskRef, WorkerId};

/// The rescuer's part of the store.
#[async_trait]
pub trait RescueStore: Send + Sync {
    /// Takes or renews the rescuer's lease for `ttl`; `None` when another process holds it.
    ///
    /// # Errors
    /// Any fault of the store.
    async fn hold_rescuer(
        &self,
        worker: &WorkerId,
        ttl: Duration,
    ) -> Result<Option<RescuerLease>, StoreError>;

    /// Says that this process is alive, until the answer is dropped: by a clean stop, by nothing else that leaves
    /// a trace (P13).
    ///
    /// # Errors
    /// Any fault of the store.
    async fn attend(&self, worker: &WorkerId) -> Result<Box<dyn Attendance>, StoreError>;

    /// Returns tasks with a lapsed lease to `queued`, or ends them with their cancelled job (P14), or as
    /// [`JobError::WORKER_LOST`] when too many processes vanished with them (P13).
    ///
    /// # Errors
    /// Any fault of the store.
    async fn rescue_lapsed(&self, limit: usize) -> Result<Rescued, StoreError>;

    /// Voids every lease, the rescuer's own too: in `embedded` no holder survives the process (P10).
    ///
    /// # Errors
    /// Any fault of the store.
    async fn void_leases(&self) -> Result<Rescued, StoreError>;

    /// Tasks that are parked on [`super::ParkCondition::BoundReached`], with their bounds.
    ///
    /// # Errors
    /// Any fault of the store.
    async fn parked(&self) -> Result<Vec<(TaskRef, Vec<PartitionEnd>)>, StoreError>;

    /// Makes parked tasks due; returns the queues that have something to dispatch.
    ///
    /// # Errors
    /// Any fault of the store.
    async fn wake(&self, tasks: Vec<TaskRef>) -> Result<Rescued, StoreError>;

    /// Fails parked tasks at once, each with `error`.
    ///
    /// # Errors
    /// Any fault of the store.
    async fn fail_parked(&self, tasks: Vec<TaskRef>, error: JobError) -> Result<Rescued, StoreError>;

    /// Fails queued reports whose deadline has passed with `not_caught_up` (P22).
    ///
    /// # Errors
    /// Any fault of the store.
    async fn expire_reports(&self) -> Result<Rescued, StoreError>;
}

/// A living process. What it does at its end is all that it is for.
pub trait Attendance: Send + Sync {}

/// Proof that this process is the rescuer until the lease lapses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RescuerLease {
    /// Whether another process held it before.
    pub taken_over: bool,
}

/// What a repair changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rescued {
    /// Tasks that were changed.
    pub tasks: u64,
    /// Of them, those that run alone from now on because a worker process vanished while it held them (P13).
    pub suspects: u64,
    /// Queues in which tasks became due.
    pub woke: Vec<QueueName>,
}
