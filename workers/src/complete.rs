//! Step 7: outcomes move their jobs to the next state, each fenced by its lease.

use std::sync::Arc;

use futures_util::future::join_all;
use shared::dispatch::DispatchHandle;
use shared::faults::{self, Step};
use shared::job::Backoff;
use shared::ports::{AttemptEnd, AttemptStore, Finished, Outcome, ParkCondition, Parked, StoreError};

use crate::heart::{Pulse, Signal};
use crate::ports::CrewPorts;
use crate::wake::Waker;

/// Writes outcomes.
pub(crate) struct Completer {
    store: Arc<dyn AttemptStore>,
    waker: Waker,
    dispatch: DispatchHandle,
}

/// What became of outcomes that were to be written together.
enum Written {
    /// The store has answered for each.
    All(Vec<Finished>),
    /// No lease was held to the end, or the only outcome cannot be written.
    Nothing,
    /// Each has to be written by itself.
    OneByOne,
}

impl Completer {
    pub(crate) fn new(ports: &CrewPorts) -> Self {
        Self {
            store: Arc::clone(&ports.attempts),
            waker: Waker::new(ports),
            dispatch: ports.dispatch.clone(),
        }
    }

    /// Writes outcomes together; tries again while the store is at fault and a lease is held.
    pub(crate) async fn complete(&self, outcomes: Vec<(&Pulse, Outcome)>) {
        let (pulses, ends): (Vec<_>, Vec<_>) = outcomes
            .into_iter()
            .map(|(pulse, outcome)| {
                let lease = pulse.lease();
                (pulse, AttemptEnd { lease, outcome })
            })
            .unzip();
        let ends: Arc<[AttemptEnd]> = Arc::from(ends);
        match self.write(&pulses, &ends).await {
            Written::All(finished) => {
                for (end, finished) in ends.iter().zip(finished) {
                    self.follow(end, finished).await;
                }
            }
            Written::Nothing => {}
            Written::OneByOne => {
                let alone = pulses.iter().zip(ends.iter()).map(|(pulse, end)| {
                    let outcome = vec![(*pulse, end.outcome.clone())];
                    Box::pin(self.complete(outcome))
                });
                join_all(alone).await;
            }
        }
    }

    async fn write(&self, pulses: &[&Pulse], ends: &Arc<[AttemptEnd]>) -> Written {
        let first = ends.first().map(|end| tracing::field::display(end.lease.task));
        let mut failures = 0;
        // The store leaves out whose lease is lost; with the last one there is nothing to write any more.
        while pulses.iter().any(|pulse| pulse.signal() != Signal::Lost) {
            match self.store.finish(Arc::clone(ends)).await {
                Ok(finished) => return Written::All(finished),
                // It may be the fault of one, which must not keep the others from being written.
                Err(StoreError::Corrupt { .. } | StoreError::Failed { .. }) if ends.len() > 1 => {
                    return Written::OneByOne;
                }
                Err(error @ StoreError::Corrupt { .. }) => {
                    // Trying again cannot help; the lease lapses, and the rescuer sees the task.
                    tracing::error!(
                        task = first,
                        error = &error as &dyn std::error::Error,
                        "an outcome cannot be written to what the store holds"
                    );
                    return Written::Nothing;
                }
                Err(error) => {
                    failures += 1;
                    tracing::warn!(
                        outcomes = ends.len(),
                        task = first,
                        failures,
                        error = &error as &dyn std::error::Error,
                        "outcomes could not be written and are tried again"
                    );
                    tokio::time::sleep(Backoff::RECONNECT.draw(failures)).await;
                }
            }
        }
        tracing::warn!(
            outcomes = ends.len(),
            task = first,
            failures,
            "leases were lost before their outcomes could be written"
        );
        Written::Nothing
    }

    /// Does what a written outcome asks of this process.
    async fn follow(&self, end: &AttemptEnd, finished: Finished) {
        let task = end.lease.task;
        match (finished.task, finished.job) {
            (Some(now), Some(job)) => {
                tracing::debug!(%task, task.state = now.as_str(), job.state = %job, "the outcome was written");
            }
            (None, _) | (_, None) => {
                tracing::info!(%task, "the lease was lost before the outcome; nothing was written");
                return;
            }
        }
        for queue in finished.woke {
            self.dispatch.nudge(queue);
        }
        if let Outcome::Park(Parked {
            condition: ParkCondition::BoundReached,
            bound: Some(bound),
        }) = &end.outcome
        {
            faults::reach(Step::ParkBeforeLook);
            // P22: the projector may have passed the bound between the look and the park.
            self.waker.wake_if_reached(task, bound).await;
        }
    }
}
