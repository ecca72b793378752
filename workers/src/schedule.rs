//! Schedules: a slot that has come becomes a job, once however many processes look (compare-and-set in the store).

use std::sync::Arc;
use std::time::Duration;

use shared::dispatch::DispatchHandle;
use shared::job::{Backoff, JobId, JobRequest, ReportRequest};
use shared::ports::{Clock, Fired, NewJob, ScheduleStore, StoreError};
use shared::schedule::{Firing, Schedule, ScheduleRule, ScheduleSlot};
use shared::time::Timestamp;
use shared::wire::TraceContext;
use tokio_util::sync::CancellationToken;

use crate::ports::{CrewPorts, CrewSettings};

/// How late a slot may be noticed.
const EVERY: Duration = Duration::from_secs(1);
/// Schedules that one round fires: the next round goes on.
const DUE_MAX: usize = 100;
/// Clocks that moved apart by more than this between two rounds have jumped (P8).
const JUMP_MS: i64 = 2_000;
/// Rounds after a jump of the wall clock in which nothing is fired: whoever set it may still set it right, and a slot
/// that was fired stays fired.
const HOLD_ROUNDS: u32 = 30;

/// Looks every second whether a slot has come.
pub(crate) struct Scheduler {
    store: Arc<dyn ScheduleStore>,
    clock: Arc<dyn Clock>,
    dispatch: DispatchHandle,
    configured: Option<ScheduleRule>,
}

impl Scheduler {
    pub(crate) fn new(ports: &CrewPorts, settings: &CrewSettings) -> Self {
        Self {
            store: Arc::clone(&ports.schedules),
            clock: Arc::clone(&ports.clock),
            dispatch: ports.dispatch.clone(),
            configured: settings.schedule.clone(),
        }
    }

    /// Fires until `shutdown`.
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        if shutdown
            .run_until_cancelled(self.keep_configured())
            .await
            .is_none()
        {
            return;
        }
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut apart_ms = self.clocks_apart_ms();
        let mut held_rounds = 0;
        while shutdown.run_until_cancelled(ticks.tick()).await.is_some() {
            let before_ms = std::mem::replace(&mut apart_ms, self.clocks_apart_ms());
            if (apart_ms - before_ms).abs() > JUMP_MS {
                tracing::warn!(
                    jump_ms = apart_ms - before_ms,
                    "the wall clock jumped; no schedule is fired in the next seconds"
                );
                held_rounds = HOLD_ROUNDS;
            }
            if held_rounds > 0 {
                held_rounds -= 1;
                continue;
            }
            if let Err(error) = self.round().await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "a round of the schedules failed"
                );
            }
        }
    }

    /// The schedule of the configuration is kept like the others, so that its slots go on after a restart.
    async fn keep_configured(&self) {
        let mut failures = 0;
        while let Err(error) = self
            .store
            .keep_configured(self.configured.clone(), self.clock.wall())
            .await
        {
            failures += 1;
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the configured schedule cannot be kept yet"
            );
            tokio::time::sleep(Backoff::RECONNECT.draw(failures)).await;
        }
    }

    async fn round(&self) -> Result<(), StoreError> {
        let now = self.clock.wall();
        for schedule in self.store.due_schedules(now, DUE_MAX).await? {
            let Some(firing) = schedule.due(now) else {
                continue;
            };
            // One that cannot be fired must not keep the others from their turn.
            if let Err(error) = self.fire(&schedule, firing).await {
                tracing::warn!(
                    schedule.id = %schedule.id,
                    error = &error as &dyn std::error::Error,
                    "a schedule could not be fired and is tried again"
                );
            }
        }
        Ok(())
    }

    async fn fire(&self, schedule: &Schedule, firing: Firing) -> Result<(), StoreError> {
        let job = firing.slot.map(|slot| self.job(schedule, slot));
        let id = job.as_ref().map(|job| job.id);
        match self.store.fire(schedule.id, firing, job).await? {
            Fired::Taken(woke) => {
                announce(schedule, firing, id);
                for queue in woke {
                    self.dispatch.nudge(queue);
                }
            }
            Fired::Elsewhere => {}
        }
        Ok(())
    }

    fn job(&self, schedule: &Schedule, slot: Timestamp) -> NewJob {
        let request = JobRequest::Report(ReportRequest {
            group_by: schedule.rule.group_by,
            mail_to: schedule.rule.mail_to.clone(),
            schedule: Some(ScheduleSlot {
                id: schedule.id,
                slot,
            }),
            ..ReportRequest::default()
        });
        let (id, now) = (schedule.id.job_of(slot), self.clock.wall());
        NewJob::without_input(id, request, now, TraceContext::generate())
    }

    fn clocks_apart_ms(&self) -> i64 {
        self.clock.wall().as_millis() - self.clock.boot_ms()
    }
}

fn announce(schedule: &Schedule, firing: Firing, job: Option<JobId>) {
    match (firing.slot, job) {
        (Some(slot), Some(job)) => {
            metrics::counter!("census_schedule_slots_total", "outcome" => "fired").increment(1);
            tracing::info!(schedule.id = %schedule.id, schedule.slot = %slot, job.id = %job, "a schedule was fired");
        }
        (None, _) | (_, None) => {
            metrics::counter!("census_schedule_slots_total", "outcome" => "left_out").increment(1);
            tracing::warn!(
                schedule.id = %schedule.id,
                schedule.slot = %firing.from,
                "slots of a schedule passed while nobody could fire them, and are left out"
            );
        }
    }
}
