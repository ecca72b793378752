//! The service over a store in memory, and one call that sends a request.

#![expect(
    clippy::unwrap_used,
    reason = "a harness of tests: what does not hold ends the test"
)]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use api::http::{ApiState, HttpOptions, routes};
use api::poll::Poller;
use api::submit::{IntakeLimits, Submitter};
use async_trait::async_trait;
use poem::endpoint::{BoxEndpoint, EndpointExt};
use poem::http::{HeaderMap, Method, StatusCode};
use poem::{Body, Endpoint, Request, Response};
use serde_json::Value;
use shared::adapters::system::SystemClock;
use shared::dispatch::DispatchHandle;
use shared::job::{
    GroupBy, IdempotencyKey, JobFilter, JobId, JobRequest, JobState, JobView, Labels, Progress, Report,
    ReportRequest, ReportRow, SubmitOrigin, SubmitRequest,
};
use shared::mail::AllowedRecipients;
use shared::ports::{
    AcceptStore, Accepted, CancelOutcome, ChangeFeed, ComponentHealth, DeleteOutcome, Health, InputChunk,
    JobChange, JobControl, JobLookup, JobPage, JobReader, KeptKey, NewJob, NewRetry, News, RejectRecord,
    RetryOutcome, StoreError, StoredReject, UploadId,
};
use shared::time::Timestamp;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::schedule_store::Schedules;

/// A running service.
pub(super) struct Service {
    pub(super) store: Arc<Store>,
    pub(super) schedules: Arc<Schedules>,
    pub(super) shutdown: CancellationToken,
    changes: mpsc::UnboundedSender<Vec<JobChange>>,
    endpoint: BoxEndpoint<'static, Response>,
}

impl Service {
    pub(super) fn start() -> Self {
        Self::with_health(Vec::new())
    }

    pub(super) fn with_health(health: Vec<Arc<dyn Health>>) -> Self {
        let store = Arc::new(Store::default());
        let schedules = Arc::new(Schedules::default());
        let shutdown = CancellationToken::new();
        let (changes, feed) = mpsc::unbounded_channel();
        let clock = Arc::new(SystemClock);
        let dispatch = DispatchHandle::default();
        let body_timeout = Duration::from_millis(20);
        let recipients = AllowedRecipients::new(["@example.com".parse().unwrap()], []);
        let limits = IntakeLimits {
            max_events: 10,
            max_stream_bytes: 1 << 20,
            max_line_bytes: 1 << 16,
            body_timeout,
            max_text: 200,
            recipients: recipients.clone(),
        };
        let submitter = Submitter::new(
            Arc::clone(&store) as _,
            Arc::clone(&store) as _,
            Arc::clone(&store) as _,
            dispatch.clone(),
            Arc::clone(&clock) as _,
            limits,
        );
        let state = ApiState {
            submitter: Arc::new(submitter),
            poller: Poller::start(Arc::clone(&store) as _, Box::new(Feed(feed)), shutdown.clone()),
            reader: Arc::clone(&store) as _,
            control: Arc::clone(&store) as _,
            schedules: Arc::clone(&schedules) as _,
            dispatch,
            health,
            metrics: Arc::new(|| "census_jobs 1\n".to_owned()),
            clock,
            settings: HttpOptions {
                public_url: None,
                max_body_bytes: 1_000,
                max_stream_bytes: 1 << 20,
                body_timeout,
                recipients,
            },
        };
        Self {
            store,
            schedules,
            shutdown,
            changes,
            endpoint: routes(Arc::new(state)).boxed(),
        }
    }

    pub(super) async fn get(&self, uri: &str) -> Answer {
        self.send(Method::GET, uri, &[], Body::empty()).await
    }

    pub(super) async fn send(
        &self,
        method: Method,
        uri: &str,
        headers: &[(&str, &str)],
        body: Body,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri_str(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.endpoint.call(request.body(body)).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.into_body().into_bytes().await.unwrap();
        Answer {
            status,
            headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    /// Changes the job and tells the feed.
    pub(super) fn change(&self, id: JobId, change: impl FnOnce(&mut JobView)) {
        let mut jobs = self.store.jobs.lock().unwrap();
        let job = jobs.get_mut(&id).unwrap();
        job.revision += 1;
        change(job);
        let change = JobChange {
            job: id,
            revision: job.revision,
            ended: job.state.is_terminal(),
        };
        self.changes.send(vec![change]).unwrap();
    }
}

/// What came back.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// Jobs in memory.
#[derive(Default)]
pub(super) struct Store {
    jobs: Mutex<BTreeMap<JobId, JobView>>,
    pub(super) rows: Mutex<Vec<ReportRow>>,
    pub(super) rejects: Mutex<Vec<StoredReject>>,
    pub(super) gone: Mutex<Vec<JobId>>,
    pub(super) reads_before_panic: Mutex<Option<JobId>>,
}

impl Store {
    pub(super) fn submit(&self, state: JobState) -> JobId {
        let origin = SubmitOrigin::Events;
        self.add(state, JobRequest::Submit(SubmitRequest { origin }), None)
    }

    pub(super) fn report(&self, rows: Vec<ReportRow>) -> JobId {
        let report = Report {
            group_by: GroupBy::City,
            generated_at: Timestamp::from_millis(0),
            users: 1,
            events: 2,
            rows_total: rows.len() as u64,
            quarantined: 0,
            as_of: Vec::new(),
            rows: rows.iter().take(1_000).cloned().collect(),
        };
        *self.rows.lock().unwrap() = rows;
        self.add(
            JobState::Succeeded,
            JobRequest::Report(ReportRequest::default()),
            Some(report),
        )
    }

    fn add(&self, state: JobState, request: JobRequest, report: Option<Report>) -> JobId {
        let mut jobs = self.jobs.lock().unwrap();
        let id = JobId::generate();
        let view = JobView {
            id,
            seq: i64::try_from(jobs.len()).unwrap() + 1,
            request,
            state,
            revision: 1,
            retry_of: None,
            labels: Labels::default(),
            created_at: Timestamp::from_millis(1_000),
            started_at: None,
            ended_at: None,
            expires_at: None,
            progress: Progress::default(),
            receipts: Vec::new(),
            attempts: Vec::new(),
            report,
            error: None,
        };
        jobs.insert(id, view);
        id
    }
}

#[async_trait]
impl JobReader for Store {
    async fn job(&self, id: JobId, _max_rows: usize) -> Result<JobLookup, StoreError> {
        assert_ne!(
            *self.reads_before_panic.lock().unwrap(),
            Some(id),
            "a fault that nobody foresaw"
        );
        if self.gone.lock().unwrap().contains(&id) {
            return Ok(JobLookup::Gone);
        }
        let job = self.jobs.lock().unwrap().get(&id).cloned();
        Ok(job.map_or(JobLookup::Unknown, |job| JobLookup::Found(Box::new(job))))
    }

    async fn list(
        &self,
        filter: &JobFilter,
        before: Option<i64>,
        limit: usize,
    ) -> Result<JobPage, StoreError> {
        let jobs = self.jobs.lock().unwrap();
        let mut jobs: Vec<_> = jobs
            .values()
            .filter(|job| before.is_none_or(|before| job.seq < before))
            .filter(|job| filter.states.is_empty() || filter.states.contains(&job.state))
            .cloned()
            .collect();
        jobs.sort_by_key(|job| -job.seq);
        let more = jobs.len() > limit;
        jobs.truncate(limit);
        Ok(JobPage { jobs, more })
    }

    async fn rejects(&self, _id: JobId, offset: u64, limit: usize) -> Result<Vec<StoredReject>, StoreError> {
        Ok(page(&self.rejects, offset, limit))
    }

    async fn report_rows(&self, _id: JobId, offset: u64, limit: usize) -> Result<Vec<ReportRow>, StoreError> {
        Ok(page(&self.rows, offset, limit))
    }

    async fn unknown(&self, _ids: &[JobId]) -> Result<Vec<JobId>, StoreError> {
        Ok(Vec::new())
    }

    async fn open_jobs(&self) -> Result<Vec<(&'static str, JobState, u64)>, StoreError> {
        Ok(Vec::new())
    }

    fn epoch(&self) -> u64 {
        7
    }
}

fn page<T: Clone>(rows: &Mutex<Vec<T>>, offset: u64, limit: usize) -> Vec<T> {
    let offset = usize::try_from(offset).unwrap();
    rows.lock()
        .unwrap()
        .iter()
        .skip(offset)
        .take(limit)
        .cloned()
        .collect()
}

#[async_trait]
impl JobControl for Store {
    async fn cancel(&self, id: JobId) -> Result<CancelOutcome, StoreError> {
        let mut jobs = self.jobs.lock().unwrap();
        let Some(job) = jobs.get_mut(&id) else {
            return Ok(CancelOutcome::Unknown);
        };
        Ok(match job.state {
            JobState::Running | JobState::Cancelling => {
                job.state = JobState::Cancelling;
                CancelOutcome::Cancelling(Box::new(job.clone()))
            }
            JobState::Queued | JobState::Cancelled => {
                job.state = JobState::Cancelled;
                CancelOutcome::Cancelled(Box::new(job.clone()))
            }
            JobState::Succeeded | JobState::PartiallySucceeded | JobState::Failed => {
                CancelOutcome::AlreadyEnded(Box::new(job.clone()))
            }
        })
    }

    async fn retry(&self, _: NewRetry) -> Result<RetryOutcome, StoreError> {
        Ok(RetryOutcome::Unknown)
    }

    async fn delete(&self, _: JobId) -> Result<DeleteOutcome, StoreError> {
        Ok(DeleteOutcome::Unknown)
    }
}

/// No test here gets as far as storing.
#[async_trait]
impl AcceptStore for Store {
    async fn stage(&self, _: UploadId, _: Vec<InputChunk>, _: Vec<RejectRecord>) -> Result<(), StoreError> {
        Ok(())
    }

    async fn accept(&self, job: NewJob) -> Result<Accepted, StoreError> {
        let id = self.add(JobState::Queued, job.request, None);
        let mut jobs = self.jobs.lock().unwrap();
        let made = jobs.get_mut(&id).unwrap();
        made.created_at = job.created_at;
        let job = made.clone();
        Ok(Accepted::Made(Box::new(job)))
    }

    async fn key(&self, _: &IdempotencyKey) -> Result<Option<KeptKey>, StoreError> {
        Ok(None)
    }

    async fn discard(&self, _: UploadId) -> Result<(), StoreError> {
        Ok(())
    }

    async fn sweep_uploads(&self) -> Result<u64, StoreError> {
        Ok(0)
    }
}

struct Feed(mpsc::UnboundedReceiver<Vec<JobChange>>);

#[async_trait]
impl ChangeFeed for Feed {
    async fn next(&mut self) -> Result<News, StoreError> {
        match self.0.recv().await {
            Some(changes) => Ok(News::Changes(changes)),
            None => std::future::pending().await,
        }
    }

    async fn skip(&mut self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// A component that is as it says.
pub(super) struct Component(pub(super) &'static str, pub(super) bool);

impl Health for Component {
    fn health(&self) -> ComponentHealth {
        ComponentHealth {
            name: self.0,
            up: self.1,
            since: Timestamp::from_millis(0),
            detail: None,
        }
    }
}
