//! `POST /jobs/cancel` and `POST /jobs/retry`: all jobs that match, as a job of its own.

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::OpenApi;
use poem_openapi::param::Query;
use shared::job::{BulkRequest, JobFilter, JobRequest, Labels};
use shared::wire::TraceContext;

use super::accept::JobAccepted;
use super::body::NoBody;
use super::key::KeyHeader;
use super::problem::HttpProblem;
use super::query::filter;
use super::state::ApiState;
use crate::contract::{JobStateName, Moment};
use crate::openapi::Tag;
use crate::submit::Envelope;

/// Acting on many jobs.
pub(crate) struct BulkApi;

#[OpenApi(tag = "Tag::Jobs")]
#[expect(clippy::too_many_arguments, reason = "one for each parameter of an operation")]
impl BulkApi {
    /// Cancel all jobs that match
    ///
    /// Makes a job that cancels every submit and report that the same filters list, was accepted before it and has
    /// not ended. Without a filter these are all.
    #[oai(path = "/jobs/cancel", method = "post", operation_id = "cancelJobs")]
    async fn cancel(
        &self,
        state: Data<&Arc<ApiState>>,
        trace: Data<&TraceContext>,
        /// Only jobs of these kinds; may be repeated.
        kind: Query<Option<Vec<String>>>,
        /// Only jobs in these states; may be repeated.
        #[oai(name = "state")]
        states: Query<Option<Vec<JobStateName>>>,
        /// Only jobs with this label, as `key:value`; may be repeated, then all of them.
        label: Query<Option<Vec<String>>>,
        /// Only jobs accepted at this time or later.
        created_from: Query<Option<Moment>>,
        /// Only jobs accepted before this time.
        created_to: Query<Option<Moment>>,
        /// Makes the request repeatable: the same key with the same request leads to the same job.
        #[oai(name = "Idempotency-Key")]
        key: KeyHeader,
        _body: NoBody,
    ) -> poem::Result<JobAccepted> {
        let filter = filter(kind.0, states.0, label.0.as_deref(), created_from.0, created_to.0)?;
        accept(&state, JobRequest::Cancel, filter, key, *trace.0).await
    }

    /// Retry all jobs that match
    ///
    /// Makes a job that retries every submit and report that the same filters list, was accepted before it and has
    /// ended. Those that succeeded are retried only where `state` names them.
    #[oai(path = "/jobs/retry", method = "post", operation_id = "retryJobs")]
    async fn retry(
        &self,
        state: Data<&Arc<ApiState>>,
        trace: Data<&TraceContext>,
        /// Only jobs of these kinds; may be repeated.
        kind: Query<Option<Vec<String>>>,
        /// Only jobs in these states; may be repeated.
        #[oai(name = "state")]
        states: Query<Option<Vec<JobStateName>>>,
        /// Only jobs with this label, as `key:value`; may be repeated, then all of them.
        label: Query<Option<Vec<String>>>,
        /// Only jobs accepted at this time or later.
        created_from: Query<Option<Moment>>,
        /// Only jobs accepted before this time.
        created_to: Query<Option<Moment>>,
        /// Makes the request repeatable: the same key with the same request leads to the same job.
        #[oai(name = "Idempotency-Key")]
        key: KeyHeader,
        _body: NoBody,
    ) -> poem::Result<JobAccepted> {
        let filter = filter(kind.0, states.0, label.0.as_deref(), created_from.0, created_to.0)?;
        accept(&state, JobRequest::Retry, filter, key, *trace.0).await
    }
}

async fn accept(
    state: &ApiState,
    request: fn(BulkRequest) -> JobRequest,
    filter: JobFilter,
    key: KeyHeader,
    trace: TraceContext,
) -> poem::Result<JobAccepted> {
    // The filter is all of the request's content, and stands in its query.
    let envelope = Envelope {
        key: key.with_format(&format!("{filter:?}"))?,
        labels: Labels::default(),
        trace,
    };
    let submitted = state
        .submitter
        .bulk(request(BulkRequest { filter }), envelope)
        .await;
    Ok(JobAccepted::new(state, &submitted.map_err(HttpProblem::from)?))
}
