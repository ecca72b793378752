//! Batches of the log are folded, one transaction each, and parked reports are woken after each commit.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use shared::faults::{self, Step};
use shared::job::JobError;
use shared::mutant::{self, Mutant};
use shared::ports::{FoldBatch, LogError, ProjectionError, ProjectorLease};

use super::check::checked_positions;
use super::read_ahead::{Ended, ReadAhead, ends};
use super::{Projector, Stop};

/// How long the first record waits for others: a fold at once would stand in the way of the end of the job that it is of,
/// which has its acknowledgement at the same moment.
const BREATH: Duration = Duration::from_millis(1);
/// A fold is followed by so long a wait for each of its records: one alone is counted at once, and where hundreds come
/// together they share the pages that each would write by itself.
const GATHER_PER_RECORD: Duration = Duration::from_micros(200);
/// The longest such wait, by which the counts may lag behind a busy log.
const GATHER_MAX: Duration = Duration::from_millis(100);

impl Projector {
    /// Folds until something stops it.
    pub(super) async fn project(&self, lease: &ProjectorLease) -> Stop {
        let positions = match checked_positions(&*self.log, &*self.projection).await {
            Ok(positions) => mutant::stale(Mutant::NoReloadAtTakeOver, &self.worker.0, positions),
            Err(stop) => return stop,
        };
        let reader = match self.log.read(ends(&positions)).await {
            Ok(reader) => reader,
            Err(fault) => return unreadable(fault),
        };
        let mut ahead = ReadAhead::new(reader, positions);
        // The check says that the log is the right one, not that every record of it can be counted.
        if let Err(stop) = self.resume(lease, JobError::LOG_DIVERGED).await {
            return stop;
        }
        let mut first = true;
        loop {
            if let Err(stop) = self.fold_next(lease, &mut ahead).await {
                return stop;
            }
            // What comes next may be the very record that was the reason: then the stop stands, since its beginning.
            if first && !ahead.has_ended() {
                if let Err(stop) = self.resume(lease, JobError::QUARANTINED_NEWER).await {
                    return stop;
                }
                first = false;
            }
        }
    }

    async fn resume(&self, lease: &ProjectorLease, code: &'static str) -> Result<(), Stop> {
        self.standing
            .resume_projector(lease, code)
            .await
            .map_err(unwritable)
    }

    async fn fold_next(&self, lease: &ProjectorLease, ahead: &mut ReadAhead) -> Result<(), Stop> {
        ahead.begin().await.map_err(ended)?;
        ahead.gather(BREATH).await;
        let batch = ahead.next().await.map_err(ended)?;
        if self.failures.swap(0, Ordering::Relaxed) > 0 {
            tracing::info!("projecting goes on");
        }
        let to = ends(&batch.to);
        let records = u32::try_from(batch.events.len()).unwrap_or(u32::MAX);
        ahead.during(self.fold(lease, batch)).await?;
        ahead.show_progress(&to);
        let wait = GATHER_PER_RECORD.saturating_mul(records).min(GATHER_MAX);
        ahead.gather(wait).await;
        Ok(())
    }

    async fn fold(&self, lease: &ProjectorLease, batch: FoldBatch) -> Result<(), Stop> {
        let started = Instant::now();
        let moved = batch.to.iter().filter(|position| !batch.from.contains(position));
        let partitions = moved.count();
        if !batch.quarantine.is_empty() {
            tracing::warn!(
                records = batch.quarantine.len(),
                "records that are not ours went into quarantine"
            );
            metrics::counter!("census_records_quarantined_total").increment(batch.quarantine.len() as u64);
        }
        let outcome = self.projection.fold(lease, batch).await.map_err(unwritable)?;
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
        self.waker.wake_after_fold().await;
        Ok(())
    }
}

/// P16, P20: whoever was here has moved what this process keeps in mind.
fn unwritable(fault: ProjectionError) -> Stop {
    match fault {
        ProjectionError::Fenced => Stop::StandBy,
        fault @ ProjectionError::Failed { .. } => Stop::Projection(fault),
    }
}

fn ended(ended: Ended) -> Stop {
    match ended {
        Ended::Log(fault) => unreadable(fault),
        Ended::Newer(type_name) => Stop::Newer(type_name),
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
