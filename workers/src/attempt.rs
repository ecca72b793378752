//! Step 5: what a handler knows of the attempt that it works for.

use std::sync::OnceLock;
use std::time::Instant;

use shared::ports::Claimed;
use tokio::sync::OwnedSemaphorePermit;
use tracing::Span;

use crate::heart::Pulse;

/// One attempt.
pub(crate) struct Attempt {
    /// The task and its request.
    pub(crate) claimed: Claimed,
    /// Its lease.
    pub(crate) pulse: Pulse,
    /// When it began.
    pub(crate) started: Instant,
    room: OnceLock<OwnedSemaphorePermit>,
}

impl Attempt {
    pub(crate) fn new(claimed: Claimed, pulse: Pulse) -> Self {
        Self {
            claimed,
            pulse,
            started: Instant::now(),
            room: OnceLock::new(),
        }
    }

    /// Gives the room back only when the outcome, which takes it up, was written.
    pub(crate) fn keep(&self, room: OwnedSemaphorePermit) {
        // A handler that has kept some already gives the second back at once.
        let _ = self.room.set(room);
    }

    /// The span of what is logged for this attempt alone.
    pub(crate) fn span(&self) -> Span {
        let Claimed {
            lease,
            trace,
            attempt,
            ..
        } = &self.claimed;
        tracing::info_span!(
            "attempt", job.id = %lease.task.job, task = lease.task.task, n = attempt,
            trace.id = %trace.trace_id_hex()
        )
    }
}
