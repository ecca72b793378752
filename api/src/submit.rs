//! Step 2: job and tasks become visible in one transaction; then the caller gets its `202`.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use shared::dispatch::DispatchHandle;
use shared::event::{Fault, FaultCode};
use shared::job::{JobId, JobKind, JobRequest, JobView, SubmitOrigin, SubmitRequest};
use shared::ports::{AcceptStore, Clock, JobReader, NewJob, NewTask, StoreError};
use shared::sample::sample_events;
use shared::wire::TraceContext;

use crate::intake::{Record, Records, Spool, Spooled, events_body, report_body};
use crate::refusal::{Refusal, RefusalCode};

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
}

/// The format of a streamed body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportFormat {
    /// One JSON event a line.
    Ndjson,
    /// RFC 4180 with a header.
    Csv,
}

/// Turns requests into jobs.
pub struct Submitter {
    store: Arc<dyn AcceptStore>,
    reader: Arc<dyn JobReader>,
    dispatch: DispatchHandle,
    clock: Arc<dyn Clock>,
    limits: IntakeLimits,
}

/// Sample users after which other requests get their turn.
const SAMPLES_AT_A_TIME: u64 = 500;

impl Submitter {
    /// A submitter over these ports.
    #[must_use]
    pub fn new(
        store: Arc<dyn AcceptStore>,
        reader: Arc<dyn JobReader>,
        dispatch: DispatchHandle,
        clock: Arc<dyn Clock>,
        limits: IntakeLimits,
    ) -> Self {
        Self {
            store,
            reader,
            dispatch,
            clock,
            limits,
        }
    }

    /// `POST /submit`: a JSON body that is already complete.
    ///
    /// # Errors
    /// The refusal, with all faults of the body.
    pub async fn events(&self, body: Bytes, trace: TraceContext) -> Result<JobView, Refusal> {
        let events = events_body(&body, self.limits.max_events, self.limits.max_text)?;
        let mut spool = Spool::new(&*self.store);
        let mut result = Ok(());
        for (ordinal, event) in (0..).zip(&events) {
            result = spool.event(ordinal, event).await.map_err(refused_by_store);
            if result.is_err() {
                break;
            }
        }
        self.accept_spooled(JobId::generate(), SubmitOrigin::Events, spool, result, trace)
            .await
    }

    /// `POST /submit/{count}`.
    ///
    /// # Errors
    /// The refusal.
    pub async fn sample(&self, count: u32, trace: TraceContext) -> Result<JobView, Refusal> {
        let id = JobId::generate();
        let mut spool = Spool::new(&*self.store);
        let result = self.spool_samples(id, count, &mut spool).await;
        self.accept_spooled(id, SubmitOrigin::Sample, spool, result, trace)
            .await
    }

    /// `POST /import`: a body of any length, never held in memory.
    ///
    /// # Errors
    /// The refusal.
    pub async fn import<S>(
        &self,
        format: ImportFormat,
        body: S,
        trace: TraceContext,
    ) -> Result<JobView, Refusal>
    where
        S: Stream<Item = io::Result<Bytes>> + Send + Unpin,
    {
        let mut spool = Spool::new(&*self.store);
        let result = self.spool_stream(format, body, &mut spool).await;
        self.accept_spooled(JobId::generate(), SubmitOrigin::Import, spool, result, trace)
            .await
    }

    /// `POST /report`: the JSON body, or nothing.
    ///
    /// # Errors
    /// The refusal, with all faults of the body.
    pub async fn report(&self, body: Bytes, trace: TraceContext) -> Result<JobView, Refusal> {
        let request = report_body(&body)?;
        let unknown = self
            .reader
            .unknown(&request.after)
            .await
            .map_err(refused_by_store)?;
        let faults: Vec<Fault> = (0..)
            .zip(&request.after)
            .filter(|(_, id)| unknown.contains(id))
            .map(|(place, _): (usize, _)| Fault {
                pointer: format!("#/after/{place}"),
                code: FaultCode::UnknownJob,
                detail: FaultCode::UnknownJob.sentence(0),
            })
            .collect();
        if !faults.is_empty() {
            return Err(Refusal::invalid(faults));
        }
        let task = NewTask {
            queue: JobKind::Report.queue(),
            events: 0,
        };
        self.accept(NewJob {
            id: JobId::generate(),
            request: JobRequest::Report(request),
            created_at: self.clock.wall(),
            received: 0,
            rejected: 0,
            tasks: vec![task],
            chunks: Vec::new(),
            rejects: Vec::new(),
            upload: None,
            trace,
        })
        .await
    }

    async fn spool_samples(&self, id: JobId, count: u32, spool: &mut Spool<'_>) -> Result<(), Refusal> {
        for (ordinal, raw) in (0..u64::from(count)).zip(sample_events(id.0)) {
            let event = raw
                .clean("#", self.limits.max_text.max(64))
                .map_err(Refusal::invalid)?;
            spool.event(ordinal, &event).await.map_err(refused_by_store)?;
            if ordinal % SAMPLES_AT_A_TIME == 0 {
                tokio::task::yield_now().await;
            }
        }
        Ok(())
    }

    async fn spool_stream<S>(
        &self,
        format: ImportFormat,
        mut body: S,
        spool: &mut Spool<'_>,
    ) -> Result<(), Refusal>
    where
        S: Stream<Item = io::Result<Bytes>> + Send + Unpin,
    {
        let mut records = Records::new(format, self.limits.max_line_bytes, self.limits.max_text);
        let mut complete = Vec::new();
        let mut received_bytes = 0_u64;
        while let Some(piece) = self.next_piece(&mut body).await? {
            received_bytes += piece.len() as u64;
            if received_bytes > self.limits.max_stream_bytes {
                let detail = format!(
                    "The body is longer than {} bytes. Send it in several requests.",
                    self.limits.max_stream_bytes
                );
                return Err(Refusal::of(RefusalCode::TooLarge, detail));
            }
            records.push(&piece, &mut complete)?;
            spool_records(spool, &mut complete).await?;
        }
        records.end(&mut complete)?;
        spool_records(spool, &mut complete).await
    }

    async fn next_piece<S>(&self, body: &mut S) -> Result<Option<Bytes>, Refusal>
    where
        S: Stream<Item = io::Result<Bytes>> + Send + Unpin,
    {
        match tokio::time::timeout(self.limits.body_timeout, body.next()).await {
            Ok(None) => Ok(None),
            Ok(Some(Ok(piece))) => Ok(Some(piece)),
            Ok(Some(Err(_))) => Err(Refusal::of(
                RefusalCode::IncompleteBody,
                "The body broke off before its end; nothing was stored. Send it again.",
            )),
            Err(_) => Err(Refusal::of(
                RefusalCode::IncompleteBody,
                format!(
                    "The body brought no byte for {} seconds; nothing was stored. Send it again.",
                    self.limits.body_timeout.as_secs()
                ),
            )),
        }
    }

    /// Accepts what was spooled, or drops it when the body was refused.
    async fn accept_spooled(
        &self,
        id: JobId,
        origin: SubmitOrigin,
        spool: Spool<'_>,
        body: Result<(), Refusal>,
        trace: TraceContext,
    ) -> Result<JobView, Refusal> {
        let upload = spool.upload();
        let accepted = match body.and_then(|()| has_something_to_do(spool.finish())) {
            Ok(spooled) => {
                self.accept(NewJob {
                    id,
                    request: JobRequest::Submit(SubmitRequest { origin }),
                    created_at: self.clock.wall(),
                    received: spooled.counts.events + spooled.counts.rejected,
                    rejected: spooled.counts.rejected,
                    tasks: spooled.tasks,
                    chunks: spooled.chunks,
                    rejects: spooled.rejects,
                    upload: spooled.upload,
                    trace,
                })
                .await
            }
            Err(refusal) => Err(refusal),
        };
        if let (Err(refusal), Some(upload)) = (&accepted, upload)
            // Of an unknown outcome the upload may be a job's input by now.
            && refusal.code != RefusalCode::StoreOutcomeUnknown
            && let Err(error) = self.store.discard(upload).await
        {
            tracing::debug!(
                error = &error as &dyn std::error::Error,
                "what was staged of a refused body is left to the sweep"
            );
        }
        accepted
    }

    async fn accept(&self, job: NewJob) -> Result<JobView, Refusal> {
        let (received, rejected, tasks) = (job.received, job.rejected, job.tasks.len());
        let kind = job.request.kind();
        let accepted = self.store.accept(job).await.map_err(refused_by_store)?;
        self.dispatch.nudge(kind.queue());
        tracing::info!(
            job.id = %accepted.job.id, job.kind = %kind, events.received = received,
            events.rejected = rejected, tasks, "job accepted"
        );
        Ok(accepted.job)
    }
}

async fn spool_records(spool: &mut Spool<'_>, records: &mut Vec<Record>) -> Result<(), Refusal> {
    for record in records.drain(..) {
        match record {
            Record::Event { ordinal, event } => spool.event(ordinal, &event).await,
            Record::Reject(reject) => spool.reject(reject).await,
        }
        .map_err(refused_by_store)?;
    }
    Ok(())
}

/// A job always has something to do.
fn has_something_to_do(spooled: Spooled) -> Result<Spooled, Refusal> {
    if spooled.counts.events > 0 {
        return Ok(spooled);
    }
    if spooled.counts.rejected == 0 {
        return Err(Refusal::of(RefusalCode::Empty, "The body holds no record."));
    }
    Err(Refusal {
        code: RefusalCode::AllRejected,
        detail: format!(
            "None of the {} records is valid; `errors` lists the first faults.",
            spooled.counts.rejected
        ),
        errors: spooled.faults,
    })
}

/// What a caller is told of a fault of the store; the operator's half goes to the log.
#[expect(clippy::needless_pass_by_value, reason = "`map_err` hands the error over")]
fn refused_by_store(error: StoreError) -> Refusal {
    match &error {
        StoreError::Busy { reason } => {
            tracing::warn!(reason, "a request was refused because the store is busy");
            Refusal::of(
                RefusalCode::Overloaded,
                "Census has no room or no time for more now. Try again later.",
            )
        }
        StoreError::UploadLapsed => Refusal::of(
            RefusalCode::IncompleteBody,
            "The body took too long and what had come of it was dropped. Send it again.",
        ),
        StoreError::OutcomeUnknown { .. } => {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "the outcome of an accept is unknown"
            );
            Refusal::of(
                RefusalCode::StoreOutcomeUnknown,
                "The disk failed while the job was stored, and whether it was stored is unknown. Look for it in \
                 /jobs before you send it again.",
            )
        }
        StoreError::Corrupt { .. } | StoreError::Failed { .. } => {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "a request failed in the store"
            );
            Refusal::of(
                RefusalCode::Internal,
                "Census failed to store the request. Nothing was stored.",
            )
        }
    }
}
