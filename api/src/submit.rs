//! Step 2: job and tasks become visible in one transaction; then the caller gets its `202`.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use shared::dispatch::DispatchHandle;
use shared::job::JobView;
use shared::ports::{AcceptStore, Clock, JobReader};
use shared::wire::TraceContext;

use crate::refusal::Refusal;

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
        unimplemented!()
    }

    /// `POST /submit/{count}`.
    ///
    /// # Errors
    /// The refusal.
    pub async fn sample(&self, count: u32, trace: TraceContext) -> Result<JobView, Refusal> {
        unimplemented!()
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
        S: Stream<Item = std::io::Result<Bytes>> + Send + Unpin,
    {
        unimplemented!()
    }

    /// `POST /report`: the JSON body, or nothing.
    ///
    /// # Errors
    /// The refusal, with all faults of the body.
    pub async fn report(&self, body: Bytes, trace: TraceContext) -> Result<JobView, Refusal> {
        unimplemented!()
    }
}
