//! The rescuer: one process at a time repairs what others left: lapsed leases, parked and late reports, uploads,
//! and removes what is past its retention.

use std::sync::Arc;
use std::time::Duration;

use shared::dispatch::DispatchHandle;
use shared::job::WorkerId;
use shared::ports::{AcceptStore, Clock, RescueStore, Rescued, RetentionStore, StoreError};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::ports::{CrewPorts, CrewSettings};
use crate::wake::Waker;

const EVERY: Duration = Duration::from_secs(1);
/// Tasks that one transaction takes back.
const LAPSED_MAX: usize = 1_000;
/// Rounds between two sweeps of uploads.
const SWEEP_ROUNDS: u32 = 60;
/// Jobs that one transaction removes.
const PURGE_MAX: usize = 200;
/// Transactions of one round that remove: the next round goes on.
const PURGES_A_ROUND: u32 = 20;
/// Rounds after a jump of the wall clock in which nothing is removed: an operator may still set it right (P8).
const PURGE_AFTER_ROUNDS: u32 = 600;
/// Clocks that moved apart by more than this between two rounds have jumped (P8).
const JUMP_MS: i64 = 2_000;

/// Looks every second whether something has to be repaired.
pub(crate) struct Rescuer {
    store: Arc<dyn RescueStore>,
    accepts: Arc<dyn AcceptStore>,
    retention: Arc<dyn RetentionStore>,
    clock: Arc<dyn Clock>,
    dispatch: DispatchHandle,
    waker: Waker,
    worker: WorkerId,
    lease: Duration,
    /// Whether the last round left late reports alone.
    spared: bool,
    /// Rounds in which nothing is removed.
    keeps_rounds: u32,
}

impl Rescuer {
    pub(crate) fn new(ports: &CrewPorts, settings: &CrewSettings) -> Self {
        Self {
            store: Arc::clone(&ports.rescue),
            accepts: Arc::clone(&ports.accepts),
            retention: Arc::clone(&ports.retention),
            clock: Arc::clone(&ports.clock),
            dispatch: ports.dispatch.clone(),
            waker: Waker::new(ports),
            worker: settings.worker.clone(),
            lease: settings.lease,
            spared: false,
            keeps_rounds: 0,
        }
    }

    /// Repairs until `shutdown`.
    pub(crate) async fn run(mut self, shutdown: CancellationToken) {
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut apart_ms = self.clocks_apart_ms();
        let mut rounds = 0;
        while shutdown.run_until_cancelled(ticks.tick()).await.is_some() {
            let before_ms = std::mem::replace(&mut apart_ms, self.clocks_apart_ms());
            if (apart_ms - before_ms).abs() > JUMP_MS {
                tracing::warn!(
                    jump_ms = apart_ms - before_ms,
                    "the wall clock jumped; nothing is rescued in this round, nor removed in the next minutes"
                );
                self.keeps_rounds = PURGE_AFTER_ROUNDS;
                continue;
            }
            rounds += 1;
            if let Err(error) = self.round(rounds).await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "a round of the rescuer failed"
                );
            }
        }
    }

    async fn round(&mut self, rounds: u32) -> Result<(), StoreError> {
        let asked = Instant::now();
        let duty = self.store.hold_rescuer(&self.worker, self.lease).await?;
        self.dispatch.sweep(duty.is_some());
        // P9: who waited so long for the lock may see leases lapsed whose heartbeats wait behind the same lock.
        if duty.is_none() || asked.elapsed() > self.lease / 3 {
            return Ok(());
        }
        loop {
            let rescued = self.store.rescue_lapsed(LAPSED_MAX).await?;
            let more = rescued.tasks == LAPSED_MAX as u64;
            if rescued.tasks > 0 {
                tracing::warn!(
                    tasks = rescued.tasks,
                    suspects = rescued.suspects,
                    "leases lapsed; their tasks are done again, and each suspect of a vanished process alone"
                );
                metrics::counter!("census_leases_lapsed_total").increment(rescued.tasks);
            }
            self.nudge(rescued);
            if !more {
                break;
            }
        }
        // P22: positions are looked at once more before a report is failed for its deadline. One that was woken
        // by this look is queued, perhaps late, and gets a round to be claimed.
        let woken = self.waker.wake_reached().await;
        self.spared = woken > 0 && !self.spared;
        if !self.spared {
            self.nudge(self.store.expire_reports().await?);
        }
        if rounds % SWEEP_ROUNDS == 1 {
            let swept = self.accepts.sweep_uploads().await?;
            if swept > 0 {
                tracing::info!(uploads = swept, "uploads that broke off were dropped");
            }
        }
        self.purge().await
    }

    async fn purge(&mut self) -> Result<(), StoreError> {
        if self.keeps_rounds > 0 {
            self.keeps_rounds -= 1;
            return Ok(());
        }
        for _ in 0..PURGES_A_ROUND {
            let purged = self.retention.purge(PURGE_MAX).await?;
            if purged.jobs > 0 {
                tracing::info!(jobs = purged.jobs, "jobs past their retention were removed");
                metrics::counter!("census_jobs_purged_total").increment(purged.jobs);
            }
            if !purged.more {
                break;
            }
        }
        Ok(())
    }

    fn nudge(&self, rescued: Rescued) {
        for queue in rescued.woke {
            self.dispatch.nudge(queue);
        }
    }

    fn clocks_apart_ms(&self) -> i64 {
        self.clock.wall().as_millis() - self.clock.boot_ms()
    }
}
