//! `GET /jobs/{id}/stream`: the job's changes as server-sent events, until its end.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, stream};
use poem::http::{HeaderValue, StatusCode, header};
use poem::web::Data;
use poem::web::sse::{Event, SSE};
use poem::{IntoResponse, Response};
use poem_openapi::param::{Header, Path};
use poem_openapi::registry::{
    MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry,
};
use poem_openapi::types::Type;
use poem_openapi::{ApiResponse, OpenApi};
use shared::job::{JobId, JobView};
use shared::ports::JobLookup;

use super::json;
use super::media_range::preferred;
use super::problem::{HttpProblem, found};
use super::query::JobRef;
use super::result::vary_accept;
use super::state::ApiState;
use crate::contract::{JobHistory, SeenTags};
use crate::openapi::Tag;

/// A comment this often keeps proxies from closing a quiet connection.
const COMMENT_EVERY: Duration = Duration::from_secs(15);
/// One wait for a change; a stream waits again for as long as the client listens.
const WAIT: Duration = Duration::from_secs(600);
const EVENTS: &str = "text/event-stream";
const JSON: &str = "application/json";

/// Watching of jobs.
pub(crate) struct StreamApi;

#[OpenApi(tag = "Tag::Jobs")]
impl StreamApi {
    /// Watch a job
    ///
    /// Each `event: job` carries the job without report rows, receipts and attempts; the first one shows it as it
    /// is. After `event: end` the connection closes, and a reconnect gets `204`. With `Accept: application/json`
    /// the answer is what has happened so far.
    #[oai(path = "/jobs/:id/stream", method = "get", operation_id = "streamJob")]
    async fn stream(
        &self,
        state: Data<&Arc<ApiState>>,
        /// The job's id.
        id: Path<JobRef>,
        /// The `id` of the last event that was received.
        #[oai(name = "Last-Event-ID")]
        last_event_id: Header<Option<String>>,
        /// `text/event-stream` or `application/json`; anything else gets events.
        #[oai(name = "Accept")]
        accept: Header<Option<String>>,
    ) -> poem::Result<JobStream> {
        let id = id.id()?;
        let view = found(state.poller.now(id).await.map_err(HttpProblem::from)?)?;
        if preferred(accept.0.as_deref(), &[EVENTS, JSON]) == JSON {
            return Ok(JobStream::History(JobHistory::new(&view)));
        }
        let seen = last_event_id.0.as_deref().map(SeenTags::new);
        let is_current = seen.as_ref().is_some_and(|seen| seen.contains(state.tag(&view)));
        if is_current && view.state.is_terminal() {
            return Ok(JobStream::Over);
        }
        let first = if is_current { Step::Wait } else { Step::Show(view) };
        Ok(JobStream::Events(Watch {
            state: Arc::clone(&state),
            id,
            seen: seen.unwrap_or_else(|| SeenTags::new("")),
            next: first,
        }))
    }
}

/// A job on its way to whoever watches it.
pub(super) enum JobStream {
    /// Its changes.
    Events(Watch),
    /// What has happened so far.
    History(JobHistory),
    /// It has ended, and the client has seen its end.
    Over,
}

/// A client that watches one job.
pub(super) struct Watch {
    state: Arc<ApiState>,
    id: JobId,
    /// What the client was shown last.
    seen: SeenTags,
    next: Step,
}

enum Step {
    Show(Box<JobView>),
    Wait,
    End,
    Close,
}

impl Watch {
    fn events(self) -> impl Stream<Item = Event> {
        stream::unfold(self, |mut watch| async move {
            if matches!(watch.next, Step::Wait) {
                watch.next = watch.wait().await;
            }
            match std::mem::replace(&mut watch.next, Step::Close) {
                Step::Show(job) => Some((watch.show(&job), watch)),
                Step::End => Some((Event::message("{}").event_type("end"), watch)),
                Step::Wait | Step::Close => None,
            }
        })
    }

    fn show(&mut self, job: &JobView) -> Event {
        let tag = self.state.tag(job).to_string();
        self.seen = SeenTags::new(&tag);
        self.next = if job.state.is_terminal() {
            Step::End
        } else {
            Step::Wait
        };
        Event::message(json::text(&self.state.listed(job)))
            .event_type("job")
            .id(tag)
    }

    /// The next step; a stream that cannot go on closes without `end`, so that the client comes back.
    async fn wait(&self) -> Step {
        loop {
            match self.state.poller.wait(self.id, WAIT, Some(&self.seen)).await {
                Ok(JobLookup::Found(job)) if !self.seen.contains(self.state.tag(&job)) => {
                    return Step::Show(job);
                }
                Ok(JobLookup::Found(job)) if job.state.is_terminal() => return Step::End,
                Ok(JobLookup::Found(_)) if !self.state.poller.is_stopping() => {}
                Ok(JobLookup::Found(_) | JobLookup::Gone | JobLookup::Unknown) => return Step::Close,
                Err(error) => {
                    tracing::warn!(
                        job.id = %self.id, error = &error as &dyn std::error::Error,
                        "a stream was closed: its job cannot be read"
                    );
                    return Step::Close;
                }
            }
        }
    }
}

impl IntoResponse for JobStream {
    fn into_response(self) -> Response {
        let mut response = match self {
            // The connection closes with the stream: who reads to its end need not know how a body ends.
            Self::Events(watch) => SSE::new(watch.events())
                .keep_alive(COMMENT_EVERY)
                .with_header(header::CONNECTION, "close")
                .into_response(),
            Self::History(history) => Response::builder().content_type(JSON).body(json::text(&history)),
            Self::Over => StatusCode::NO_CONTENT.into_response(),
        };
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::VARY, HeaderValue::from_static("Accept"));
        // A proxy that collected the events would deliver them late.
        headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
        response
    }
}

impl ApiResponse for JobStream {
    fn meta() -> MetaResponses {
        let answer = |status, description, content| MetaResponse {
            description,
            status: Some(status),
            status_range: None,
            content,
            headers: vec![vary_accept()],
        };
        let events = MetaMediaType {
            content_type: EVENTS,
            schema: MetaSchemaRef::Inline(Box::new(MetaSchema::new("string"))),
        };
        let history = MetaMediaType {
            content_type: JSON,
            schema: JobHistory::schema_ref(),
        };
        MetaResponses {
            responses: vec![
                answer(200, "The job's changes, or its history.", vec![events, history]),
                answer(
                    204,
                    "The job has ended, and this client has seen its end.",
                    Vec::new(),
                ),
            ],
        }
    }

    fn register(registry: &mut Registry) {
        JobHistory::register(registry);
    }
}
