//! `POST /jobs/{id}/cancel`.

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::param::Path;
use poem_openapi::{ApiResponse, OpenApi};
use shared::job::JobKind;
use shared::ports::CancelOutcome;

use super::json::Json;
use super::problem::{HttpProblem, RETRY_AFTER_S, gone, unknown_job};
use super::query::JobRef;
use super::state::ApiState;
use crate::contract::{Job, ProblemCode};
use crate::openapi::Tag;

/// Cancelling of jobs.
pub(crate) struct CancelApi;

#[OpenApi(tag = "Tag::Jobs")]
impl CancelApi {
    /// Cancel a job
    ///
    /// May be repeated. What has already taken effect stays.
    #[oai(path = "/jobs/:id/cancel", method = "post", operation_id = "cancelJob")]
    async fn cancel(
        &self,
        state: Data<&Arc<ApiState>>,
        /// The job's id.
        id: Path<JobRef>,
    ) -> poem::Result<JobCancel> {
        match state.control.cancel(id.id()?).await.map_err(HttpProblem::from)? {
            CancelOutcome::Cancelled(job) => {
                // A report that waited for this job is due now.
                state.dispatch.nudge(JobKind::Report.queue());
                Ok(JobCancel::Cancelled(
                    Json(state.whole(&job)),
                    state.tag(&job).to_string(),
                ))
            }
            CancelOutcome::Cancelling(view) => {
                let job = state.whole(&view);
                let location = job.links.itself.clone();
                let tag = state.tag(&view).to_string();
                Ok(JobCancel::Cancelling(
                    Json(job),
                    location.clone(),
                    location,
                    state.retry_after_s(&view).unwrap_or(RETRY_AFTER_S),
                    tag,
                ))
            }
            CancelOutcome::AlreadyEnded(job) => {
                let detail = format!("The job has already ended: it is {}.", job.state);
                Err(HttpProblem::new(ProblemCode::AlreadyEnded, detail).into())
            }
            CancelOutcome::Unknown => Err(unknown_job().into()),
            CancelOutcome::Gone => Err(gone().into()),
        }
    }
}

/// What became of a cancel.
#[derive(ApiResponse)]
pub(super) enum JobCancel {
    /// The job is cancelled.
    #[oai(status = 200)]
    Cancelled(
        Json<Job>,
        /// Names this representation of the job.
        #[oai(header = "ETag")]
        String,
    ),
    /// The job will be cancelled as soon as the worker that holds it lets go.
    #[oai(status = 202)]
    Cancelling(
        Json<Job>,
        /// The job.
        #[oai(header = "Location")]
        String,
        /// The job that the body shows.
        #[oai(header = "Content-Location")]
        String,
        /// Seconds after which a look at the job is worth while.
        #[oai(header = "Retry-After")]
        i64,
        /// Names this representation of the job.
        #[oai(header = "ETag")]
        String,
    ),
}
