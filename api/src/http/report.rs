//! `POST /report`.

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::OpenApi;
use shared::wire::TraceContext;

use super::accept::JobAccepted;
use super::body::JsonBody;
use super::key::KeyHeader;
use super::problem::HttpProblem;
use super::state::ApiState;
use crate::contract::ReportBody;
use crate::openapi::Tag;

/// Asking for reports.
pub(crate) struct ReportApi;

#[OpenApi(tag = "Tag::Report")]
impl ReportApi {
    /// Ask for a report
    ///
    /// Counts users and events by place. An empty body asks for a report by city over all events.
    #[oai(path = "/report", method = "post", operation_id = "createReport")]
    async fn report(
        &self,
        state: Data<&Arc<ApiState>>,
        trace: Data<&TraceContext>,
        /// Makes the request repeatable: the same key with the same request leads to the same job.
        #[oai(name = "Idempotency-Key")]
        key: KeyHeader,
        body: JsonBody<ReportBody, true>,
    ) -> poem::Result<JobAccepted> {
        let job = state
            .submitter
            .report(body.bytes, key.read()?, *trace.0)
            .await
            .map_err(HttpProblem::from)?;
        Ok(JobAccepted::new(&state, &job))
    }
}
