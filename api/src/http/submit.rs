//! `POST /submit` and `POST /submit/{count}`.

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use shared::wire::TraceContext;

use super::accept::JobAccepted;
use super::body::{JsonBody, UnusedBody};
use super::key::KeyHeader;
use super::problem::HttpProblem;
use super::query::labels;
use super::state::ApiState;
use crate::contract::{Bounded, SubmitBody};
use crate::openapi::Tag;
use crate::submit::Envelope;

/// Submitting of events.
pub(crate) struct SubmitApi;

#[OpenApi(tag = "Tag::Submit")]
impl SubmitApi {
    /// Submit user events
    ///
    /// The events are validated as a whole: one bad event refuses the request, with all faults at once.
    #[oai(path = "/submit", method = "post", operation_id = "submitEvents")]
    async fn events(
        &self,
        state: Data<&Arc<ApiState>>,
        trace: Data<&TraceContext>,
        /// A label of the job, as `key:value`; may be repeated.
        label: Query<Option<Vec<String>>>,
        /// Makes the request repeatable: the same key with the same request leads to the same job.
        #[oai(name = "Idempotency-Key")]
        key: KeyHeader,
        body: JsonBody<SubmitBody, false>,
    ) -> poem::Result<JobAccepted> {
        let envelope = Envelope {
            key: key.read()?,
            labels: labels(label.0.as_deref())?,
            trace: *trace.0,
        };
        let job = state
            .submitter
            .events(body.bytes, envelope)
            .await
            .map_err(HttpProblem::from)?;
        Ok(JobAccepted::new(&state, &job))
    }

    /// Submit sample users
    ///
    /// Makes up users at untidily spelt places of the US and submits them.
    #[oai(path = "/submit/:count", method = "post", operation_id = "submitSamples")]
    async fn sample(
        &self,
        state: Data<&Arc<ApiState>>,
        trace: Data<&TraceContext>,
        /// How many users.
        count: Path<Bounded<1, 100_000>>,
        /// A label of the job, as `key:value`; may be repeated.
        label: Query<Option<Vec<String>>>,
        /// Makes the request repeatable: the same key with the same request leads to the same job.
        #[oai(name = "Idempotency-Key")]
        key: KeyHeader,
        body: UnusedBody,
    ) -> poem::Result<JobAccepted> {
        let count = u32::try_from(count.0.0).expect("a bounded count is positive and small");
        let envelope = Envelope {
            key: key.read()?.map(|key| key.with_body(&body.0)),
            labels: labels(label.0.as_deref())?,
            trace: *trace.0,
        };
        let job = state
            .submitter
            .sample(count, envelope)
            .await
            .map_err(HttpProblem::from)?;
        Ok(JobAccepted::new(&state, &job))
    }
}
