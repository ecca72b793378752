//! Step 5, around the handler: one attempt with its heartbeat, its signals and its outcome.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use futures_util::FutureExt;
use shared::job::{Failure, JobError};
use shared::ports::{Claimed, Outcome, Published};
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::complete::Completer;
use crate::handlers::Handlers;
use crate::heart::{Heart, Pulse, Signal};
use crate::log_gate::LogGate;
use crate::ports::{CrewPorts, CrewSettings};
use crate::solitude::Solitude;

/// Executes claimed attempts.
pub(crate) struct Executor {
    heart: Arc<Heart>,
    handlers: Handlers,
    completer: Completer,
    solitude: Arc<Solitude>,
    shutdown: CancellationToken,
}

/// What a handler knows of its attempt.
pub(crate) struct Attempt {
    /// The task and its request.
    pub(crate) claimed: Claimed,
    /// Its lease.
    pub(crate) pulse: Pulse,
    room: OnceLock<OwnedSemaphorePermit>,
}

impl Attempt {
    fn new(claimed: Claimed, pulse: Pulse) -> Self {
        Self {
            claimed,
            pulse,
            room: OnceLock::new(),
        }
    }

    /// Gives the room back only when the outcome, which takes it up, was written.
    pub(crate) fn keep(&self, room: OwnedSemaphorePermit) {
        // A handler that has kept some already gives the second back at once.
        let _ = self.room.set(room);
    }
}

impl Executor {
    pub(crate) fn new(
        ports: &CrewPorts,
        settings: &CrewSettings,
        heart: Arc<Heart>,
        gate: &Arc<LogGate>,
        solitude: Arc<Solitude>,
        shutdown: CancellationToken,
    ) -> Self {
        Self {
            heart,
            handlers: Handlers::new(ports, settings, gate),
            completer: Completer::new(ports),
            solitude,
            shutdown,
        }
    }

    /// Runs the handler of the job's kind and writes its outcome.
    pub(crate) async fn execute(&self, claimed: Claimed) {
        let span = tracing::info_span!(
            "attempt", job.id = %claimed.lease.task.job, task = claimed.lease.task.task, n = claimed.attempt,
            trace.id = %claimed.trace.trace_id_hex()
        );
        self.run(claimed).instrument(span).await;
    }

    async fn run(&self, claimed: Claimed) {
        let started = Instant::now();
        let lease = claimed.lease;
        let kind = claimed.request.kind();
        let attempt = Attempt::new(claimed, self.heart.hold(lease));
        let outcome = self.outcome(&attempt).await;
        let name = outcome.as_ref().map_or("lost", outcome_name);
        metrics::counter!("census_attempts_total", "kind" => kind.as_str(), "outcome" => name).increment(1);
        tracing::debug!(
            outcome = name,
            duration_ms = started.elapsed().as_millis(),
            "the attempt ended"
        );
        if let Some(outcome) = outcome {
            // The pulse beats on until the outcome is written.
            self.completer.complete(&attempt.pulse, lease, outcome).await;
        }
    }

    /// `None` when the lease was lost and nothing may be written.
    async fn outcome(&self, attempt: &Attempt) -> Option<Outcome> {
        let working = self.work(attempt);
        tokio::pin!(working);
        tokio::select! {
            biased;
            outcome = &mut working => outcome,
            () = self.shutdown.cancelled() => {
                attempt.pulse.stop();
                working.await
            }
        }
    }

    async fn work(&self, attempt: &Attempt) -> Option<Outcome> {
        let entered = tokio::select! {
            biased;
            entered = self.solitude.enter(&attempt.claimed) => entered,
            signal = attempt.pulse.stopped() => return match signal {
                Signal::Lost => None,
                Signal::Stop | Signal::Go => Some(Outcome::HandBack(Published::default())),
            },
        };
        let _company = match entered {
            Ok(company) => company?,
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "a task cannot run alone now"
                );
                let reason = error.to_string();
                return Some(failed(Failure::Transient { reason }));
            }
        };
        let handled = AssertUnwindSafe(self.handlers.handle(attempt))
            .catch_unwind()
            .await;
        handled.unwrap_or_else(|_| {
            tracing::error!("a handler panicked; its task fails");
            let detail = "Census failed to do this; the operator's log says why.".to_owned();
            Some(failed(Failure::Permanent(JobError {
                code: JobError::INTERNAL,
                detail,
            })))
        })
    }
}

fn failed(failure: Failure) -> Outcome {
    Outcome::Failed {
        failure,
        published: Published::default(),
    }
}

fn outcome_name(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Published(_) | Outcome::Reported(_) | Outcome::Mailed | Outcome::Changed { .. } => {
            "succeeded"
        }
        Outcome::Failed {
            failure: Failure::Transient { .. },
            published: _,
        } => "backed_off",
        Outcome::Failed {
            failure: Failure::Permanent(_),
            published: _,
        } => "failed",
        Outcome::Park(_) => "parked",
        Outcome::HandBack(_) => "handed_back",
    }
}
