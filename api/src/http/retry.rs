//! `POST /jobs/{id}/retry`.

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::OpenApi;
use poem_openapi::param::Path;
use shared::wire::TraceContext;

use super::accept::JobAccepted;
use super::body::UnusedBody;
use super::key::KeyHeader;
use super::problem::{HttpProblem, gone, not_ended, unknown_job};
use super::query::JobRef;
use super::state::ApiState;
use crate::openapi::Tag;
use crate::submit::Retried;

/// Repeating of jobs.
pub(crate) struct RetryApi;

#[OpenApi(tag = "Tag::Jobs")]
impl RetryApi {
    /// Retry a job
    ///
    /// Makes a new job of the same request, over the same input, after any end of the old one. Its events keep their
    /// ids, so that nothing is counted twice.
    #[oai(path = "/jobs/:id/retry", method = "post", operation_id = "retryJob")]
    async fn retry(
        &self,
        state: Data<&Arc<ApiState>>,
        trace: Data<&TraceContext>,
        /// The job's id.
        id: Path<JobRef>,
        /// Makes the request repeatable: the same key with the same request leads to the same job.
        #[oai(name = "Idempotency-Key")]
        key: KeyHeader,
        body: UnusedBody,
    ) -> poem::Result<JobAccepted> {
        let (id, key) = (id.id()?, key.read()?.map(|key| key.with_body(&body.0)));
        match state.submitter.retry(id, key, *trace.0).await {
            Ok(Retried::Submitted(submitted)) => Ok(JobAccepted::new(&state, &submitted)),
            Ok(Retried::NotEnded) => Err(not_ended().into()),
            Ok(Retried::Unknown) => Err(unknown_job().into()),
            Ok(Retried::Gone) => Err(gone().into()),
            Err(refusal) => Err(HttpProblem::from(refusal).into()),
        }
    }
}
