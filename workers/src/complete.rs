//! Step 7: the outcome moves the job to its next state, fenced by the lease.

use std::sync::Arc;

use shared::dispatch::DispatchHandle;
use shared::faults::{self, Step};
use shared::job::{Backoff, Lease};
use shared::ports::{AttemptStore, Finished, Outcome, ParkCondition, Parked, StoreError};

use crate::heart::{Pulse, Signal};
use crate::ports::CrewPorts;
use crate::wake::Waker;

/// Writes outcomes.
pub(crate) struct Completer {
    store: Arc<dyn AttemptStore>,
    waker: Waker,
    dispatch: DispatchHandle,
}

impl Completer {
    pub(crate) fn new(ports: &CrewPorts) -> Self {
        Self {
            store: Arc::clone(&ports.attempts),
            waker: Waker::new(ports),
            dispatch: ports.dispatch.clone(),
        }
    }

    /// Writes the outcome; tries again while the store is at fault and the lease is held.
    pub(crate) async fn complete(&self, pulse: &Pulse, lease: Lease, outcome: Outcome) {
        let parked_for_log = match &outcome {
            Outcome::Park(Parked {
                condition: ParkCondition::BoundReached,
                bound: Some(bound),
            }) => Some(bound.clone()),
            _ => None,
        };
        let Some(finished) = self.write(pulse, lease, outcome).await else {
            return;
        };
        match (finished.task, finished.job) {
            (Some(task), Some(job)) => {
                tracing::debug!(task.state = task.as_str(), job.state = %job, "the outcome was written");
            }
            (None, _) | (_, None) => {
                tracing::info!("the lease was lost before the outcome; nothing was written");
            }
        }
        for queue in finished.woke {
            self.dispatch.nudge(queue);
        }
        if let (Some(bound), Some(_)) = (parked_for_log, finished.task) {
            faults::reach(Step::ParkBeforeLook);
            // P22: the projector may have passed the bound between the look and the park.
            self.waker.wake_if_reached(lease.task, &bound).await;
        }
    }

    /// `None` when the lease was lost first.
    async fn write(&self, pulse: &Pulse, lease: Lease, outcome: Outcome) -> Option<Finished> {
        let mut failures = 0;
        while pulse.signal() != Signal::Lost {
            match self.store.finish(lease, outcome.clone()).await {
                Ok(finished) => return Some(finished),
                Err(error @ StoreError::Corrupt { .. }) => {
                    // Trying again cannot help; the lease lapses, and the rescuer sees the task.
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "an outcome cannot be written to what the store holds"
                    );
                    return None;
                }
                Err(error) => {
                    failures += 1;
                    tracing::warn!(
                        failures,
                        error = &error as &dyn std::error::Error,
                        "an outcome could not be written and is tried again"
                    );
                    tokio::time::sleep(Backoff::RECONNECT.draw(failures)).await;
                }
            }
        }
        tracing::warn!(failures, "the lease was lost before the outcome could be written");
        None
    }
}
