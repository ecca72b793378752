//! Schedules in memory, for the service under test.

#![expect(
    clippy::unwrap_used,
    reason = "a harness of tests: what does not hold ends the test"
)]

use std::sync::Mutex;

use async_trait::async_trait;
use shared::ports::{Fired, NewJob, SCHEDULES_MAX, ScheduleRemoval, ScheduleStore, StoreError};
use shared::schedule::{Firing, Schedule, ScheduleId, ScheduleRule};
use shared::time::Timestamp;

/// Schedules, in order of their making.
#[derive(Default)]
pub(super) struct Schedules(pub(super) Mutex<Vec<Schedule>>);

#[async_trait]
impl ScheduleStore for Schedules {
    async fn add_schedule(&self, schedule: Schedule) -> Result<bool, StoreError> {
        let mut schedules = self.0.lock().unwrap();
        let has_room = schedules.len() < SCHEDULES_MAX;
        if has_room {
            schedules.push(schedule);
        }
        Ok(has_room)
    }

    async fn keep_configured(&self, _rule: Option<ScheduleRule>, _now: Timestamp) -> Result<(), StoreError> {
        Ok(())
    }

    async fn schedules(&self) -> Result<Vec<Schedule>, StoreError> {
        Ok(self.0.lock().unwrap().clone())
    }

    async fn schedule(&self, id: ScheduleId) -> Result<Option<Schedule>, StoreError> {
        let schedules = self.0.lock().unwrap();
        Ok(schedules.iter().find(|schedule| schedule.id == id).cloned())
    }

    async fn remove_schedule(&self, id: ScheduleId) -> Result<ScheduleRemoval, StoreError> {
        let mut schedules = self.0.lock().unwrap();
        let before = schedules.len();
        schedules.retain(|schedule| schedule.id != id || schedule.is_configured());
        let there = schedules.iter().any(|schedule| schedule.id == id);
        Ok(match (there, schedules.len() < before) {
            (true, _) => ScheduleRemoval::Configured,
            (false, true) => ScheduleRemoval::Removed,
            (false, false) => ScheduleRemoval::Unknown,
        })
    }

    async fn due_schedules(&self, _now: Timestamp, _limit: usize) -> Result<Vec<Schedule>, StoreError> {
        Ok(Vec::new())
    }

    async fn fire(
        &self,
        _id: ScheduleId,
        _firing: Firing,
        _job: Option<NewJob>,
    ) -> Result<Fired, StoreError> {
        Ok(Fired::Elsewhere)
    }
}
