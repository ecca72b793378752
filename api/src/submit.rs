//! Step 2: job and tasks become visible in one transaction; then the caller gets its `202`.

mod key;
mod receive;
mod replay;
mod staging;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use shared::dispatch::DispatchHandle;
use shared::event::{Fault, FaultCode, clean};
use shared::job::{JobId, JobRequest, JobView, Labels, ReportRequest, SubmitOrigin};
use shared::mail::AllowedRecipients;
use shared::ports::{
    AcceptStore, Accepted, Clock, JobControl, JobReader, KeyUse, NewJob, NewRetry, RetryOutcome, StoreError,
    UploadId,
};
use shared::sample::sample_user;
use shared::wire::TraceContext;

use self::key::Desk;
pub use self::key::RequestKey;
use self::replay::Opened;
use self::staging::Staging;
use crate::intake::{invalid, read_events, read_report};
use crate::refusal::{Refusal, RefusalCode};

/// How many sample users one request can ask for.
const SAMPLE_COUNTS: RangeInclusive<u32> = 1..=100_000;

/// Bounds of what a request may hold.
#[derive(Clone, Debug)]
pub struct IntakeLimits {
    /// Events in a JSON body.
    pub max_events: usize,
    /// Bytes of a streamed body.
    pub max_stream_bytes: u64,
    /// Bytes of one line of a streamed body.
    pub max_line_bytes: usize,
    /// How long a streamed body may go without a byte.
    pub body_timeout: Duration,
    /// Code points of an id, a city, a state, a post code.
    pub max_text: usize,
    /// Who may be sent reports.
    pub recipients: AllowedRecipients,
}

/// The format of a streamed body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportFormat {
    /// One JSON event a line.
    Ndjson,
    /// RFC 4180 with a header.
    Csv,
}

/// What comes with every request that makes a job.
#[derive(Clone, Debug)]
pub struct Envelope {
    /// Makes the request repeatable.
    pub key: Option<RequestKey>,
    /// What the caller calls the job.
    pub labels: Labels,
    /// The trace that the job belongs to.
    pub trace: TraceContext,
}

/// What a request led to.
#[derive(Clone, Debug)]
pub struct Submitted {
    /// The job as it is now.
    pub job: Box<JobView>,
    /// Whether an earlier request with the same key had made it.
    pub replayed: bool,
}

/// What a retry led to.
#[derive(Clone, Debug)]
pub enum Retried {
    /// A job that repeats the other one.
    Submitted(Submitted),
    /// The job has not ended.
    NotEnded,
    /// There is no such job.
    Unknown,
    /// There was one, and it was removed.
    Gone,
}

/// Turns requests into jobs.
pub struct Submitter {
    store: Arc<dyn AcceptStore>,
    control: Arc<dyn JobControl>,
    reader: Arc<dyn JobReader>,
    dispatch: DispatchHandle,
    clock: Arc<dyn Clock>,
    limits: IntakeLimits,
    desk: Desk,
}

impl Submitter {
    /// A submitter over these ports.
    #[must_use]
    pub fn new(
        store: Arc<dyn AcceptStore>,
        control: Arc<dyn JobControl>,
        reader: Arc<dyn JobReader>,
        dispatch: DispatchHandle,
        clock: Arc<dyn Clock>,
        limits: IntakeLimits,
    ) -> Self {
        Self {
            store,
            control,
            reader,
            dispatch,
            clock,
            limits,
            desk: Desk::default(),
        }
    }

    /// `POST /submit`: a JSON body that is already complete.
    ///
    /// # Errors
    /// The refusal, with all faults of the body.
    pub async fn events(&self, body: Bytes, mut envelope: Envelope) -> Result<Submitted, Refusal> {
        let (key, _turn) = match self.open(envelope.key.take(), &body).await? {
            Opened::Replay(submitted) => return Ok(submitted),
            Opened::Go(key, turn) => (key, turn),
        };
        let events = read_events(&body, self.limits.max_events, self.limits.max_text)?;
        drop(body);
        let mut staging = self.staging();
        let filled = staging.fill(events).await.map(|()| key);
        self.submit(filled, staging, SubmitOrigin::Events, envelope).await
    }

    /// `POST /submit/{count}`.
    ///
    /// # Errors
    /// The refusal.
    pub async fn sample(&self, count: u32, mut envelope: Envelope) -> Result<Submitted, Refusal> {
        if !SAMPLE_COUNTS.contains(&count) {
            let (least, most) = SAMPLE_COUNTS.into_inner();
            let detail = format!("the number of sample users must be from {least} to {most}");
            return Err(Refusal::new(RefusalCode::BadParameter, detail));
        }
        let (key, _turn) = match self.open(envelope.key.take(), &Bytes::new()).await? {
            Opened::Replay(submitted) => return Ok(submitted),
            Opened::Go(key, turn) => (key, turn),
        };
        let mut staging = self.staging();
        let filled = self.draw(count, &mut staging).await.map(|()| key);
        self.submit(filled, staging, SubmitOrigin::Sample, envelope).await
    }

    /// `POST /import`: a body of any length, never held in memory.
    ///
    /// # Errors
    /// The refusal.
    pub async fn import<S>(
        &self,
        format: ImportFormat,
        body: S,
        mut envelope: Envelope,
    ) -> Result<Submitted, Refusal>
    where
        S: Stream<Item = std::io::Result<Bytes>> + Send + Unpin,
    {
        let mut key = envelope.key.take();
        let _turn = match &key {
            Some(key) => Some(self.desk.take(key.key()).await?),
            None => None,
        };
        // Replays are answered before anything is stored: there may be no room for it (P4).
        if let Some(used) = &key
            && let Some(kept) = self.store.key(used.key()).await?
        {
            let used = receive::digest(body, &self.limits, used.clone()).await?;
            return self.replay(kept, &used).await;
        }
        let mut staging = self.staging();
        let filled = receive::receive(format, body, &self.limits, &mut staging, key.as_mut()).await;
        let filled = filled.map(|()| key.map(RequestKey::into_use));
        self.submit(filled, staging, SubmitOrigin::Import, envelope).await
    }

    /// `POST /report`: the JSON body, or nothing.
    ///
    /// # Errors
    /// The refusal, with all faults of the body.
    pub async fn report(&self, body: Bytes, mut envelope: Envelope) -> Result<Submitted, Refusal> {
        let (key, _turn) = match self.open(envelope.key.take(), &body).await? {
            Opened::Replay(submitted) => return Ok(submitted),
            Opened::Go(key, turn) => (key, turn),
        };
        let mut request = read_report(&body, &self.limits.recipients)?;
        self.check_awaited(&mut request).await?;
        let request = JobRequest::Report(request);
        self.accept(self.without_input(request, key, envelope)).await
    }

    /// `POST /jobs/cancel` and `POST /jobs/retry`.
    ///
    /// # Errors
    /// The refusal.
    pub async fn bulk(&self, request: JobRequest, mut envelope: Envelope) -> Result<Submitted, Refusal> {
        let (key, _turn) = match self.open(envelope.key.take(), &Bytes::new()).await? {
            Opened::Replay(submitted) => return Ok(submitted),
            Opened::Go(key, turn) => (key, turn),
        };
        self.accept(self.without_input(request, key, envelope)).await
    }

    /// `POST /jobs/{id}/retry`.
    ///
    /// # Errors
    /// The refusal.
    pub async fn retry(
        &self,
        of: JobId,
        key: Option<RequestKey>,
        trace: TraceContext,
    ) -> Result<Retried, Refusal> {
        let (key, _turn) = match self.open(key, &Bytes::new()).await? {
            Opened::Replay(submitted) => return Ok(Retried::Submitted(submitted)),
            Opened::Go(key, turn) => (key, turn),
        };
        let retry = NewRetry {
            of,
            id: JobId::generate(),
            created_at: self.clock.wall(),
            key: key.clone(),
            trace,
        };
        Ok(match self.control.retry(retry).await? {
            RetryOutcome::Made(job) => {
                tracing::info!(job.id = %job.id, job.retry_of = %of, "job retried");
                self.dispatch.nudge(job.request.kind().queue());
                Retried::Submitted(Submitted { job, replayed: false })
            }
            RetryOutcome::KeyKept(kept) => Retried::Submitted(self.replay_of(kept, key.as_ref()).await?),
            RetryOutcome::NotEnded(_) => Retried::NotEnded,
            RetryOutcome::Unknown => Retried::Unknown,
            RetryOutcome::Gone => Retried::Gone,
        })
    }

    fn without_input(&self, request: JobRequest, key: Option<KeyUse>, envelope: Envelope) -> NewJob {
        NewJob {
            labels: envelope.labels,
            key,
            ..NewJob::without_input(JobId::generate(), request, self.clock.wall(), envelope.trace)
        }
    }

    fn staging(&self) -> Staging<'_> {
        Staging::new(&*self.store, &*self.clock, JobId::generate())
    }

    async fn draw(&self, count: u32, staging: &mut Staging<'_>) -> Result<(), Refusal> {
        for ordinal in 0..u64::from(count) {
            let user = sample_user(staging.job().0, ordinal);
            let user = clean(&user, self.limits.max_text, "#").map_err(|errors| Refusal {
                code: RefusalCode::Internal,
                detail: "a sample user is longer than the limit on texts allows".to_owned(),
                errors,
            })?;
            staging.add(Ok(user));
            staging.relieve().await?;
            if ordinal % 1_000 == 999 {
                // Drawing is pure computing: others of this thread get their turn.
                tokio::task::yield_now().await;
            }
        }
        Ok(())
    }

    /// All or nothing: what was received becomes a job, or is dropped.
    async fn submit(
        &self,
        filled: Result<Option<KeyUse>, Refusal>,
        staging: Staging<'_>,
        origin: SubmitOrigin,
        envelope: Envelope,
    ) -> Result<Submitted, Refusal> {
        let key = match filled {
            Ok(key) => key,
            Err(refusal) => {
                staging.discard().await;
                return Err(refusal);
            }
        };
        if staging.received() == 0 {
            let detail = "there is no record at all";
            return Err(Refusal::new(RefusalCode::Empty, detail));
        }
        if staging.nothing_valid() {
            staging.discard().await;
            return Err(Refusal {
                code: RefusalCode::AllRejected,
                detail: format!(
                    "none of the {} records is valid; `errors` holds the first faults",
                    staging.received()
                ),
                errors: staging.into_faults(),
            });
        }
        self.accept(staging.into_job(origin, key, envelope)).await
    }

    async fn check_awaited(&self, request: &mut ReportRequest) -> Result<(), Refusal> {
        if request.after.is_empty() {
            return Ok(());
        }
        let unknown = self.reader.unknown(&request.after).await?;
        if !unknown.is_empty() {
            let named = request.after.iter().enumerate();
            let faults = named
                .filter(|(_, id)| unknown.contains(id))
                .map(|(place, _)| Fault {
                    pointer: format!("#/after/{place}"),
                    code: FaultCode::UnknownJob,
                    detail: "no job has this id".to_owned(),
                });
            return Err(invalid(faults.collect()));
        }
        let mut seen = HashSet::new();
        request.after.retain(|id| seen.insert(*id));
        Ok(())
    }

    async fn accept(&self, job: NewJob) -> Result<Submitted, Refusal> {
        let (id, kind, upload, key) = (job.id, job.request.kind(), job.upload, job.key.clone());
        let (events, rejected) = (job.received - job.rejected, job.rejected);
        match self.store.accept(job).await {
            Ok(Accepted::Made(job)) => {
                tracing::debug!(job.id = %id, job.kind = %kind, events, rejected, "job accepted");
                self.dispatch.nudge(kind.queue());
                Ok(Submitted { job, replayed: false })
            }
            Ok(Accepted::KeyKept(kept)) => {
                self.discard(id, upload).await;
                self.replay_of(kept, key.as_ref()).await
            }
            Err(error) => {
                // After an unknown outcome the job may be there, and the upload is its input (P3).
                let may_be_there = matches!(error, StoreError::OutcomeUnknown { .. });
                self.discard(id, upload.filter(|_| !may_be_there)).await;
                Err(error.into())
            }
        }
    }

    async fn discard(&self, job: JobId, upload: Option<UploadId>) {
        if let Some(upload) = upload
            && let Err(error) = self.store.discard(upload).await
        {
            let error: &(dyn std::error::Error + 'static) = &error;
            tracing::warn!(job.id = %job, error, "staged upload not discarded");
        }
    }
}
