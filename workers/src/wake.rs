//! Parked reports whose bound the projection has reached are woken (P22).

use std::sync::Arc;

use shared::dispatch::DispatchHandle;
use shared::job::{JobError, TaskRef};
use shared::ports::{FoldPosition, PartitionEnd, Projection, RescueStore, Rescued};

use crate::ports::CrewPorts;

/// Wakes parked reports. The projector does it after each commit, the completer after each park, and the rescuer
/// every second.
#[derive(Clone)]
pub(crate) struct Waker {
    store: Arc<dyn RescueStore>,
    projection: Arc<dyn Projection>,
    dispatch: DispatchHandle,
}

/// Whether every partition is folded up to the bound.
pub(crate) fn reached(bound: &[PartitionEnd], positions: &[FoldPosition]) -> bool {
    bound.iter().all(|end| {
        let folded = positions
            .iter()
            .find(|position| position.partition == end.partition);
        folded.map_or(0, |position| position.next_offset) >= end.next_offset
    })
}

/// What a report's caller reads when only an operator can bring the counts up to date.
pub(crate) fn waits_in_vain(code: &'static str) -> JobError {
    let detail = "The counts cannot be brought up to date until an operator has mended the event log. Ask with \
                  `fresh` false for what had been counted before.";
    JobError {
        code,
        detail: detail.to_owned(),
    }
}

impl Waker {
    pub(crate) fn new(ports: &CrewPorts) -> Self {
        Self {
            store: Arc::clone(&ports.rescue),
            projection: Arc::clone(&ports.projection),
            dispatch: ports.dispatch.clone(),
        }
    }

    /// Wakes what can go on now; returns how many. A fault is logged: the next look is a second away.
    pub(crate) async fn wake_reached(&self) -> u64 {
        let woken = async {
            let parked = self.store.parked().await?;
            if parked.is_empty() {
                return Ok(None);
            }
            let positions = self.projection.positions().await?;
            let due: Vec<_> = parked
                .into_iter()
                // P21: a missing bound is taken anew, never read as "no bound".
                .filter(|(_, bound)| bound.is_empty() || reached(bound, &positions))
                .map(|(task, _)| task)
                .collect();
            if due.is_empty() {
                return Ok(None);
            }
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(Some(self.store.wake(due).await?))
        };
        match woken.await {
            Ok(Some(rescued)) => {
                let woken = rescued.tasks;
                self.nudge(rescued);
                woken
            }
            Ok(None) => 0,
            Err(error) => {
                tracing::warn!(error = &*error, "parked reports could not be looked after");
                0
            }
        }
    }

    /// Wakes one report if it can go on now; the looks at all of them are not for each park.
    pub(crate) async fn wake_if_reached(&self, task: TaskRef, bound: &[PartitionEnd]) {
        let woken = async {
            if reached(bound, &self.projection.positions().await?) {
                self.nudge(self.store.wake(vec![task]).await?);
            }
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
        };
        if let Err(error) = woken.await {
            tracing::warn!(error = &*error, "a parked report could not be looked after");
        }
    }

    /// Fails every report that waits for the log: its condition cannot come true.
    pub(crate) async fn fail_all(&self, error: &JobError) {
        let failed = async {
            let parked: Vec<_> = self
                .store
                .parked()
                .await?
                .into_iter()
                .map(|(task, _)| task)
                .collect();
            if parked.is_empty() {
                return Ok(Rescued::default());
            }
            self.store.fail_parked(parked, error.clone()).await
        };
        match failed.await {
            Ok(rescued) => self.nudge(rescued),
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "parked reports could not be failed"
                );
            }
        }
    }

    fn nudge(&self, rescued: Rescued) {
        for queue in rescued.woke {
            self.dispatch.nudge(queue);
        }
    }
}
