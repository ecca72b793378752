//! Step 5, around the handler: attempts with their heartbeats, their signals and their outcomes.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::join_all;
use shared::job::{Failure, JobError};
use shared::ports::{Claimed, Outcome, Published};
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::attempt::Attempt;
use crate::complete::Completer;
use crate::handlers::Handlers;
use crate::heart::{Heart, Signal};
use crate::log_gate::LogGate;
use crate::ports::{CrewPorts, CrewSettings};
use crate::solitude::Solitude;
use crate::together::Share;

/// Executes claimed attempts.
pub(crate) struct Executor {
    heart: Arc<Heart>,
    handlers: Handlers,
    completer: Completer,
    solitude: Arc<Solitude>,
    shutdown: CancellationToken,
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

    /// Runs the handlers of the jobs' kinds and writes their outcomes; `room` is given back as the attempts end.
    pub(crate) async fn execute(&self, share: Share, mut room: OwnedSemaphorePermit) {
        let claimed = match share {
            Share::Alone(claimed) => return self.execute_alone(self.begin(*claimed), room).await,
            Share::Together(claimed) => claimed,
        };
        let attempts: Vec<_> = claimed.into_iter().map(|claimed| self.begin(claimed)).collect();
        let span = tracing::info_span!("attempts", n = attempts.len());
        if let Some(outcomes) = self.outcomes(&attempts).instrument(span.clone()).await {
            return self.end(attempts.iter().zip(outcomes)).instrument(span).await;
        }
        let alone = attempts.into_iter().map(|attempt| {
            let part = room.split(1).expect("there is room for each attempt");
            self.execute_alone(attempt, part)
        });
        join_all(alone).await;
    }

    fn begin(&self, claimed: Claimed) -> Attempt {
        let pulse = self.heart.hold(claimed.lease);
        Attempt::new(claimed, pulse)
    }

    async fn execute_alone(&self, attempt: Attempt, _room: OwnedSemaphorePermit) {
        let work = async {
            let outcome = self.outcome(&attempt).await;
            self.end(std::iter::once((&attempt, outcome))).await;
        };
        work.instrument(attempt.span()).await;
    }

    /// Writes outcomes while their pulses beat on; there is no outcome where the lease was lost.
    async fn end(&self, outcomes: impl Iterator<Item = (&Attempt, Option<Outcome>)>) {
        let mut ended = Vec::new();
        for (attempt, outcome) in outcomes {
            let name = outcome.as_ref().map_or("lost", outcome_name);
            let kind = attempt.claimed.request.kind();
            metrics::counter!("census_attempts_total", "kind" => kind.as_str(), "outcome" => name)
                .increment(1);
            tracing::debug!(
                task = %attempt.claimed.lease.task, outcome = name,
                duration_ms = attempt.started.elapsed().as_millis(),
                "the attempt ended"
            );
            ended.extend(outcome.map(|outcome| (&attempt.pulse, outcome)));
        }
        if !ended.is_empty() {
            self.completer.complete(ended).await;
        }
    }

    /// The outcomes of attempts that work together; `None` when each has to work alone.
    async fn outcomes(&self, attempts: &[Attempt]) -> Option<Vec<Option<Outcome>>> {
        let _company = self.solitude.try_join()?;
        let handled = AssertUnwindSafe(self.handlers.handle_together(attempts))
            .catch_unwind()
            .await;
        handled.unwrap_or_else(|_| {
            // P15: what some of them had published is published again, and counted once.
            let first = attempts
                .first()
                .map(|attempt| tracing::field::display(attempt.claimed.lease.task));
            tracing::error!(
                task = first,
                "a handler panicked; each of its tasks is worked on alone"
            );
            None
        })
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
