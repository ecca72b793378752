//! Batches of the log are folded, one transaction each, and parked reports are woken after each commit.

use std::mem;
use std::sync::atomic::Ordering;
use std::time::Instant;

use shared::faults::{self, Step};
use shared::job::JobError;
use shared::mutant::{self, Mutant};
use shared::ports::{FoldPosition, LogError, LogReader, PartitionEnd, ProjectionError, ProjectorLease};

use super::check::checked_positions;
use super::decode::{Decoded, decode};
use super::{Projector, Stop};

/// Records of one transaction (measured: fewer cost more commits, more keep readers' snapshots old).
pub(super) const BATCH_MAX: usize = 20_000;

impl Projector {
    /// Folds until something stops it.
    pub(super) async fn project(&self, lease: &ProjectorLease) -> Stop {
        let mut positions = match checked_positions(&*self.log, &*self.projection).await {
            Ok(positions) => mutant::stale(Mutant::NoReloadAtTakeOver, &self.worker.0, positions),
            Err(stop) => return stop,
        };
        let mut reader = match self.log.read(ends(&positions)).await {
            Ok(reader) => reader,
            Err(fault) => return unreadable(fault),
        };
        // The check says that the log is the right one, not that every record of it can be counted.
        if let Err(stop) = self.resume(lease, JobError::LOG_DIVERGED).await {
            return stop;
        }
        let mut first = true;
        loop {
            positions = match self.fold_next(lease, &mut *reader, positions).await {
                Ok(folded) => folded,
                Err(stop) => return stop,
            };
            if mem::take(&mut first)
                && let Err(stop) = self.resume(lease, JobError::QUARANTINED_NEWER).await
            {
                return stop;
            }
        }
    }

    async fn resume(&self, lease: &ProjectorLease, code: &'static str) -> Result<(), Stop> {
        self.standing
            .resume_projector(lease, code)
            .await
            .map_err(unwritable)
    }

    async fn fold_next(
        &self,
        lease: &ProjectorLease,
        reader: &mut dyn LogReader,
        from: Vec<FoldPosition>,
    ) -> Result<Vec<FoldPosition>, Stop> {
        let batch = reader.next(BATCH_MAX).await.map_err(unreadable)?;
        if self.failures.swap(0, Ordering::Relaxed) > 0 {
            tracing::info!("projecting goes on");
        }
        let Decoded {
            events,
            quarantine,
            to,
            newer,
        } = decode(&from, batch);
        if to != from {
            let started = Instant::now();
            let partitions = to.iter().filter(|position| !from.contains(position)).count();
            if !quarantine.is_empty() {
                tracing::warn!(
                    records = quarantine.len(),
                    "records that are not ours went into quarantine"
                );
                metrics::counter!("census_records_quarantined_total").increment(quarantine.len() as u64);
            }
            let outcome = self
                .projection
                .fold(lease, from, to.clone(), events, quarantine)
                .await
                .map_err(unwritable)?;
            metrics::histogram!("census_fold_seconds").record(started.elapsed());
            metrics::counter!("census_events_folded_total").increment(outcome.applied);
            tracing::info!(
                events = outcome.applied,
                duplicates = outcome.duplicates,
                partitions,
                duration_ms = started.elapsed().as_millis(),
                "events stored"
            );
            faults::reach(Step::FoldBeforeWake);
            reader.show_progress(&ends(&to));
            self.waker.wake_after_fold().await;
        }
        newer.map_or(Ok(to), |type_name| Err(Stop::Newer(type_name)))
    }
}

/// P16, P20: whoever was here has moved what this process keeps in mind.
fn unwritable(fault: ProjectionError) -> Stop {
    match fault {
        ProjectionError::Fenced => Stop::StandBy,
        fault @ ProjectionError::Failed { .. } => Stop::Projection(fault),
    }
}

/// P17: a log that lacks what it held is another one, not one that is away.
fn unreadable(fault: LogError) -> Stop {
    match fault {
        LogError::OutOfRange { partition, offset } => {
            Stop::Diverged(format!("partition {partition} does not hold offset {offset}"))
        }
        LogError::Away { .. }
        | LogError::Unfit { .. }
        | LogError::Remade { .. }
        | LogError::Refused { .. } => Stop::Log(fault),
    }
}

pub(super) fn ends(positions: &[FoldPosition]) -> Vec<PartitionEnd> {
    positions.iter().map(PartitionEnd::from).collect()
}
