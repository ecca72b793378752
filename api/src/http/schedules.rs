//! `/schedules` and `/schedules/{id}`: made, listed, read, deleted.

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::param::Path;
use poem_openapi::{ApiResponse, OpenApi};
use shared::ports::{SCHEDULES_MAX, ScheduleRemoval};
use shared::schedule::{Schedule, ScheduleId};

use super::body::JsonBody;
use super::json::Json;
use super::problem::{HttpProblem, unknown_schedule};
use super::query::ScheduleRef;
use super::state::ApiState;
use crate::contract::{ProblemCode, ScheduleBody, ScheduleList, ScheduleView};
use crate::intake::read_schedule;
use crate::openapi::Tag;

/// Schedules of reports.
pub(crate) struct SchedulesApi;

#[OpenApi(tag = "Tag::Schedules")]
impl SchedulesApi {
    /// Make a schedule
    ///
    /// Each of its slots becomes one report job, mailed to the recipients, however many workers run. The first slot of an
    /// interval is one interval from now.
    #[oai(path = "/schedules", method = "post", operation_id = "createSchedule")]
    async fn create(
        &self,
        state: Data<&Arc<ApiState>>,
        body: JsonBody<ScheduleBody, false>,
    ) -> poem::Result<ScheduleCreated> {
        let now = state.clock.wall();
        let (rule, next_slot) =
            read_schedule(&body.bytes, &state.settings.recipients, now).map_err(HttpProblem::from)?;
        let schedule = Schedule {
            id: ScheduleId::generate(),
            rule,
            created_at: now,
            next_slot,
            last: None,
        };
        let kept = state.schedules.add_schedule(schedule.clone()).await;
        if !kept.map_err(HttpProblem::from)? {
            let detail = format!("There are {SCHEDULES_MAX} schedules. Delete one that nobody needs.");
            return Err(HttpProblem::new(ProblemCode::TooManySchedules, detail).into());
        }
        tracing::info!(schedule.id = %schedule.id, "schedule made");
        let shown = state.schedule(&schedule);
        let location = shown.links.itself.clone();
        Ok(ScheduleCreated::Created(Json(shown), location))
    }

    /// List schedules
    ///
    /// The configured one first, then in order of their making.
    #[oai(path = "/schedules", method = "get", operation_id = "listSchedules")]
    async fn list(&self, state: Data<&Arc<ApiState>>) -> poem::Result<Json<ScheduleList>> {
        let schedules = state.schedules.schedules().await.map_err(HttpProblem::from)?;
        Ok(Json(ScheduleList {
            schedules: schedules
                .iter()
                .map(|schedule| state.schedule(schedule))
                .collect(),
        }))
    }

    /// Read a schedule
    ///
    /// With its next slot, and the job of its last one.
    #[oai(path = "/schedules/:id", method = "get", operation_id = "getSchedule")]
    async fn get(
        &self,
        state: Data<&Arc<ApiState>>,
        /// The schedule's id.
        id: Path<ScheduleRef>,
    ) -> poem::Result<Json<ScheduleView>> {
        let found = state.schedules.schedule(id.id()?).await;
        let schedule = found.map_err(HttpProblem::from)?.ok_or_else(unknown_schedule)?;
        Ok(Json(state.schedule(&schedule)))
    }

    /// Delete a schedule
    ///
    /// Its jobs stay. The schedule of the configuration cannot be deleted.
    #[oai(path = "/schedules/:id", method = "delete", operation_id = "deleteSchedule")]
    async fn delete(
        &self,
        state: Data<&Arc<ApiState>>,
        /// The schedule's id.
        id: Path<ScheduleRef>,
    ) -> poem::Result<ScheduleDelete> {
        let id = id.id()?;
        let removed = state.schedules.remove_schedule(id).await;
        match removed.map_err(HttpProblem::from)? {
            ScheduleRemoval::Removed => {
                tracing::info!(schedule.id = %id, "schedule deleted");
                Ok(ScheduleDelete::Deleted)
            }
            ScheduleRemoval::Configured => {
                let detail =
                    "This schedule stands in the configuration. Turn it off there: CENSUS_REPORT_EVERY=off.";
                Err(HttpProblem::new(ProblemCode::ScheduleConfigured, detail).into())
            }
            ScheduleRemoval::Unknown => Err(unknown_schedule().into()),
        }
    }
}

/// What became of a request for a schedule.
#[derive(ApiResponse)]
pub(super) enum ScheduleCreated {
    /// The schedule was made.
    #[oai(status = 201)]
    Created(
        Json<ScheduleView>,
        /// The schedule.
        #[oai(header = "Location")]
        String,
    ),
}

/// What became of a delete.
#[derive(ApiResponse)]
pub(super) enum ScheduleDelete {
    /// The schedule was deleted.
    #[oai(status = 204)]
    Deleted,
}
