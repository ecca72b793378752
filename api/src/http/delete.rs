//! `DELETE /jobs/{id}`; the operation itself stands in `jobs`, since one path has one resource.

use poem_openapi::ApiResponse;
use shared::job::JobId;
use shared::ports::DeleteOutcome;

use super::problem::{HttpProblem, gone, not_ended, unknown_job};
use super::state::ApiState;

/// What became of a delete.
#[derive(ApiResponse)]
pub(super) enum JobDelete {
    /// The job was removed.
    #[oai(status = 204)]
    Deleted,
}

/// Removes the job.
pub(super) async fn delete(state: &ApiState, id: JobId) -> Result<JobDelete, HttpProblem> {
    match state.control.delete(id).await? {
        DeleteOutcome::Deleted => {
            tracing::info!(job.id = %id, "job deleted");
            Ok(JobDelete::Deleted)
        }
        DeleteOutcome::NotEnded => Err(not_ended()),
        DeleteOutcome::Unknown => Err(unknown_job()),
        DeleteOutcome::Gone => Err(gone()),
    }
}
