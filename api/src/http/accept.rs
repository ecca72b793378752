//! The answer to every request that makes a job.

use super::json::Json;
use super::problem::RETRY_AFTER_S;
use super::state::ApiState;
use crate::contract::Job;
use crate::submit::Submitted;
use poem_openapi::ApiResponse;

/// The request became a job.
#[derive(ApiResponse)]
pub(super) enum JobAccepted {
    /// The job was stored and will be done. It can be read at `Location`.
    #[oai(status = 202)]
    Accepted(
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
        /// `true` when an earlier request with the same key had made the job.
        #[oai(header = "Idempotency-Replayed")]
        Option<bool>,
    ),
}

impl JobAccepted {
    /// The answer for this job.
    pub(super) fn new(state: &ApiState, submitted: &Submitted) -> Self {
        let job = state.whole(&submitted.job);
        let location = job.links.itself.clone();
        let tag = state.tag(&submitted.job).to_string();
        let replayed = submitted.replayed.then_some(true);
        Self::Accepted(
            Json(job),
            location.clone(),
            location,
            state.retry_after_s(&submitted.job).unwrap_or(RETRY_AFTER_S),
            tag,
            replayed,
        )
    }
}
