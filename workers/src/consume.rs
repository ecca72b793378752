//! Step 4: a delivery becomes a claimed attempt.

use std::sync::Arc;

use shared::faults::{self, Step};
use shared::job::{Backoff, QueueName, Role, TaskRef, WorkerId};
use shared::mutant::{self, Mutant};
use shared::ports::{AttemptStore, Claimed, Deliveries, Delivery, JobQueue, StoreError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::execute::Executor;
use crate::ports::{CrewPorts, CrewSettings};
use crate::together;

/// Takes wake-ups of one role, claims their tasks, and has them executed.
pub(crate) struct Consumer {
    queue: QueueName,
    source: Arc<dyn JobQueue>,
    store: Arc<dyn AttemptStore>,
    worker: WorkerId,
    prefetch: u16,
    concurrency: usize,
    /// One for each attempt.
    permits: Arc<Semaphore>,
    executor: Arc<Executor>,
    shutdown_timeout: std::time::Duration,
}

impl Consumer {
    pub(crate) fn new(role: Role, ports: &CrewPorts, settings: &CrewSettings, executor: Executor) -> Self {
        Self {
            queue: QueueName(role),
            source: Arc::clone(&ports.queue),
            store: Arc::clone(&ports.attempts),
            worker: settings.worker.clone(),
            // A wake-up held here beyond what can run next is one that no other process can take.
            prefetch: settings
                .prefetch
                .min(u16::try_from(settings.concurrency).unwrap_or(u16::MAX)),
            concurrency: settings.concurrency,
            permits: Arc::new(Semaphore::new(settings.concurrency)),
            executor: Arc::new(executor),
            shutdown_timeout: settings.shutdown_timeout,
        }
    }

    /// Consumes until `shutdown`, then waits for the attempts that run.
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        let attempts = TaskTracker::new();
        let mut deliveries = self.source.consume(self.queue, self.prefetch).await;
        while let Some((mut room, batch)) = self.next(&mut *deliveries, &shutdown).await {
            let Some(claimed) = self.claim(&mut *deliveries, batch, &shutdown).await else {
                break;
            };
            for share in together::shares(claimed) {
                let part = room.split(share.len());
                let part = part.expect("no more is taken than there is room for");
                let executor = Arc::clone(&self.executor);
                attempts.spawn(async move { executor.execute(share, part).await });
            }
        }
        if !shutdown.is_cancelled() {
            tracing::error!(queue = %self.queue, "the queue was closed; this process takes no more from it");
        }
        attempts.close();
        if tokio::time::timeout(self.shutdown_timeout, attempts.wait())
            .await
            .is_err()
        {
            tracing::warn!(
                queue = %self.queue, attempts = self.concurrency - self.permits.available_permits(),
                "attempts did not stop in time; their leases will lapse"
            );
        }
    }

    /// Waits for room and for deliveries; no more are taken than can run.
    async fn next(
        &self,
        deliveries: &mut dyn Deliveries,
        shutdown: &CancellationToken,
    ) -> Option<(OwnedSemaphorePermit, Vec<Delivery>)> {
        let first = shutdown
            .run_until_cancelled(Arc::clone(&self.permits).acquire_owned())
            .await?;
        let mut room = first.expect("the semaphore is never closed");
        // Nobody else takes from it: what is free now stays so.
        let free = u32::try_from(self.permits.available_permits()).unwrap_or(u32::MAX);
        if let Ok(more) = Arc::clone(&self.permits).try_acquire_many_owned(free) {
            room.merge(more);
        }
        let batch = shutdown
            .run_until_cancelled(deliveries.next(room.num_permits()))
            .await??;
        Some((room, batch))
    }

    /// Claims what the deliveries name. P6: they are acknowledged only after the claim is committed, and then
    /// whether or not there was something to claim. `None` at shutdown: nothing is acknowledged.
    async fn claim(
        &self,
        deliveries: &mut dyn Deliveries,
        batch: Vec<Delivery>,
        shutdown: &CancellationToken,
    ) -> Option<Vec<Claimed>> {
        let mut readable = Vec::with_capacity(batch.len());
        for delivery in batch {
            if let Err(fault) = &delivery.wakeup {
                tracing::warn!(queue = %self.queue, fault, "a message is no wake-up and goes to the dead queue");
                metrics::counter!("census_deliveries_total", "outcome" => "rejected").increment(1);
                deliveries.reject(delivery).await;
                faults::reach(Step::ConsumeAfterReject);
            } else {
                readable.push(delivery);
            }
        }
        let mut tasks: Vec<TaskRef> = readable
            .iter()
            .filter_map(|delivery| delivery.wakeup.as_ref().ok())
            .map(|w| w.task)
            .collect();
        tasks.sort_unstable();
        tasks.dedup();
        let delivered = readable.len();
        if mutant::on(Mutant::AcknowledgeBeforeCommit) {
            deliveries.acknowledge(std::mem::take(&mut readable)).await;
        }
        let claimed = self.claim_all(tasks, shutdown).await?;
        let stale = (delivered - claimed.len().min(delivered)) as u64;
        metrics::counter!("census_deliveries_total", "outcome" => "claimed").increment(claimed.len() as u64);
        metrics::counter!("census_deliveries_total", "outcome" => "stale").increment(stale);
        deliveries.acknowledge(readable).await;
        faults::reach(Step::ClaimAfterAcknowledge);
        Some(claimed)
    }

    /// Tries until the store answers; `None` at shutdown.
    async fn claim_all(&self, tasks: Vec<TaskRef>, shutdown: &CancellationToken) -> Option<Vec<Claimed>> {
        let mut failures = 0;
        loop {
            match self.store.claim(tasks.clone(), &self.worker).await {
                Ok(claimed) => return Some(claimed),
                // One task that cannot be read must not keep the others, or the queue, from going on.
                Err(StoreError::Corrupt { .. }) if tasks.len() > 1 => {
                    let mut claimed = Vec::new();
                    for task in tasks {
                        claimed.extend(Box::pin(self.claim_all(vec![task], shutdown)).await?);
                    }
                    return Some(claimed);
                }
                Err(error @ StoreError::Corrupt { .. }) => {
                    tracing::error!(
                        task = tasks.first().map(tracing::field::display),
                        error = &error as &dyn std::error::Error,
                        "a task cannot be read and is left where it is"
                    );
                    return Some(Vec::new());
                }
                Err(error) => {
                    failures += 1;
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "a claim failed and is tried again"
                    );
                    let pause = tokio::time::sleep(Backoff::RECONNECT.draw(failures));
                    shutdown.run_until_cancelled(pause).await?;
                }
            }
        }
    }
}
