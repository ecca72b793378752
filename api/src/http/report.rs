//! `POST /report`.

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::OpenApi;
use poem_openapi::param::Query;
use shared::wire::TraceContext;

use super::accept::JobAccepted;
use super::body::JsonBody;
use super::key::KeyHeader;
use super::problem::HttpProblem;
use super::query::labels;
use super::state::ApiState;
use crate::contract::ReportBody;
use crate::openapi::Tag;
use crate::submit::Envelope;

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
        /// A label of the job, as `key:value`; may be repeated.
        label: Query<Option<Vec<String>>>,
        /// Makes the request repeatable: the same key with the same request leads to the same job.
        #[oai(name = "Idempotency-Key")]
        key: KeyHeader,
        body: JsonBody<ReportBody, true>,
    ) -> poem::Result<JobAccepted> {
        let envelope = Envelope {
            key: key.read()?,
            labels: labels(label.0.as_deref())?,
            trace: *trace.0,
        };
        let job = state
            .submitter
            .report(body.bytes, envelope)
            .await
            .map_err(HttpProblem::from)?;
        Ok(JobAccepted::new(&state, &job))
    }
}
