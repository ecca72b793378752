//! `/jobs` and `/jobs/{id}`: read, waited for, listed, deleted.

use std::sync::Arc;
use std::time::Duration;

use poem::web::Data;
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::{ApiResponse, OpenApi};

use super::delete::{JobDelete, delete};
use super::json::Json;
use super::problem::{HttpProblem, found};
use super::query::{JobRef, filter, preferred_wait};
use super::state::ApiState;
use crate::contract::{Bounded, Cursor, Job, JobList, JobStateName, Moment, SeenTags};
use crate::openapi::Tag;

const MAX_WAIT_S: u64 = 60;
const DEFAULT_LIMIT: i64 = 50;

/// Reading of jobs.
pub(crate) struct JobsApi;

#[OpenApi(tag = "Tag::Jobs")]
impl JobsApi {
    /// Read a job, or wait for it
    ///
    /// With `wait` the answer comes at the job's end or, with `If-None-Match`, at its next change, at the
    /// latest after that many seconds. It is `200` whatever the outcome of the job.
    #[oai(path = "/jobs/:id", method = "get", operation_id = "getJob")]
    async fn get(
        &self,
        state: Data<&Arc<ApiState>>,
        /// The job's id.
        id: Path<JobRef>,
        /// Seconds to wait.
        wait: Query<Option<Bounded<0, 60>>>,
        /// `wait=N`, as `wait`, which wins.
        #[oai(name = "Prefer")]
        prefer: Header<Option<String>>,
        /// The `ETag` of the representation that is already there.
        #[oai(name = "If-None-Match")]
        if_none_match: Header<Option<String>>,
    ) -> poem::Result<JobRead> {
        let id = id.id()?;
        let seen = if_none_match.0.as_deref().map(SeenTags::new);
        let preferred = preferred_wait(prefer.0.as_deref(), MAX_WAIT_S).filter(|_| wait.0.is_none());
        let asked = wait.0.map(|wait| wait.0.unsigned_abs());
        let seconds = asked.or(preferred).unwrap_or(0);
        let lookup = if seconds == 0 {
            state.poller.now(id).await
        } else {
            state
                .poller
                .wait(id, Duration::from_secs(seconds), seen.as_ref())
                .await
        };
        let view = found(lookup.map_err(HttpProblem::from)?)?;
        let tag = state.tag(&view);
        let applied = preferred.map(|seconds| format!("wait={seconds}"));
        let vary = "Prefer".to_owned();
        let again = state.retry_after_s(&view);
        Ok(if seen.is_some_and(|seen| seen.contains(tag)) {
            JobRead::NotModified(tag.to_string(), vary, applied, again)
        } else {
            JobRead::Found(Json(state.whole(&view)), tag.to_string(), vary, applied, again)
        })
    }

    /// Delete a job
    ///
    /// Removes a job that has ended before its retention does. The events that it published stay counted.
    #[oai(path = "/jobs/:id", method = "delete", operation_id = "deleteJob")]
    async fn delete(
        &self,
        state: Data<&Arc<ApiState>>,
        /// The job's id.
        id: Path<JobRef>,
    ) -> poem::Result<JobDelete> {
        Ok(delete(&state, id.id()?).await?)
    }

    /// List jobs
    ///
    /// Newest accepted first. `next` of the answer is the `cursor` of the next page, together with the same filters.
    #[oai(path = "/jobs", method = "get", operation_id = "listJobs")]
    #[expect(
        clippy::too_many_arguments,
        reason = "one for each parameter of the operation"
    )]
    async fn list(
        &self,
        state: Data<&Arc<ApiState>>,
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
        /// How many jobs a page has at most; 50 if absent.
        limit: Query<Option<Bounded<1, 1000>>>,
        /// `next` of the page before.
        cursor: Query<Option<String>>,
    ) -> poem::Result<Json<JobList>> {
        let filter = filter(kind.0, states.0, label.0.as_deref(), created_from.0, created_to.0)?;
        let before = match cursor.0.as_deref() {
            None => None,
            Some(text) => Some(
                text.parse::<Cursor>()
                    .and_then(|cursor| cursor.before(&filter))
                    .map_err(|fault| HttpProblem::parameter("cursor", &fault.to_string()))?,
            ),
        };
        let limit = usize::try_from(limit.0.map_or(DEFAULT_LIMIT, |limit| limit.0))
            .expect("a bounded limit is positive and small");
        let page = state
            .reader
            .list(&filter, before, limit)
            .await
            .map_err(HttpProblem::from)?;
        let next = page
            .jobs
            .last()
            .filter(|_| page.more)
            .map(|job| Cursor::new(job.seq, &filter).to_string());
        Ok(Json(JobList {
            jobs: page.jobs.iter().map(|job| state.listed(job)).collect(),
            next,
        }))
    }
}

/// A job as it was read.
#[expect(clippy::large_enum_variant, reason = "it is written at once, never kept")]
#[derive(ApiResponse)]
pub(super) enum JobRead {
    /// The job.
    #[oai(status = 200)]
    Found(
        Json<Job>,
        /// Names this representation of the job.
        #[oai(header = "ETag")]
        String,
        /// `Prefer`.
        #[oai(header = "Vary")]
        String,
        /// The preference that was followed.
        #[oai(header = "Preference-Applied")]
        Option<String>,
        /// Seconds after which another look is worth while; grows with the job's age, and is absent after its end.
        #[oai(header = "Retry-After")]
        Option<i64>,
    ),
    /// The job is still as `If-None-Match` names it.
    #[oai(status = 304)]
    NotModified(
        /// Names this representation of the job.
        #[oai(header = "ETag")]
        String,
        /// `Prefer`.
        #[oai(header = "Vary")]
        String,
        /// The preference that was followed.
        #[oai(header = "Preference-Applied")]
        Option<String>,
        /// Seconds after which another look is worth while; grows with the job's age, and is absent after its end.
        #[oai(header = "Retry-After")]
        Option<i64>,
    ),
}
