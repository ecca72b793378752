//! P20: the log is counted anew from its beginning, beside the counts that are read, until both stand at the same
//! place and the new ones take over.

use std::sync::Arc;
use std::time::{Duration, Instant};

use shared::job::Backoff;
use shared::ports::{
    EventLog, FoldBatch, FoldPosition, LogError, PartitionEnd, Projection, ProjectionError,
    ProjectionRebuild, RebuildTicket,
};
use tokio_util::sync::CancellationToken;

use super::read_ahead::{Ended, ReadAhead, ends};
use crate::wake::reached;

/// How often the progress is told.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// Rebuilds the counts of one projection from one log.
pub struct Rebuilder {
    /// What is counted.
    pub log: Arc<dyn EventLog>,
    /// The counts that are read meanwhile.
    pub projection: Arc<dyn Projection>,
    /// The same projection, as what is to become of it.
    pub next: Arc<dyn ProjectionRebuild>,
}

/// What a rebuild has counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rebuilt {
    /// Events, each once.
    pub events: u64,
    /// Records of events that were counted before.
    pub duplicates: u64,
    /// Records that could not be counted.
    pub quarantined: u64,
}

/// A rebuild that did not come to its end; the counts are what they were.
#[derive(Debug, thiserror::Error)]
pub enum RebuildFault {
    /// The log is away, or cannot be read any more.
    #[error("the event log cannot be read")]
    Log(#[from] LogError),
    /// The counts' file.
    #[error("the projection cannot be written")]
    Projection(#[source] ProjectionError),
    /// Two rebuilds would count into the same tables.
    #[error("another rebuild has begun: this one has ended")]
    Superseded,
    /// A log that has forgotten its beginning holds less than was counted.
    #[error(
        "partition {partition} does not begin at offset 0, so a rebuild would lose the counts of what is missing: \
         restore the whole log, or let `workers repair-log` publish the kept submits again to a new topic"
    )]
    NotFromTheStart {
        /// The partition.
        partition: i32,
    },
    /// P19: it must not be passed over.
    #[error(
        "the event log holds a record of type {0}, newer than this program: rebuild with the newer program"
    )]
    Newer(String),
    /// Told to stop.
    #[error("the rebuild was broken off; the counts are what they were")]
    BrokenOff,
}

/// How far a rebuild has to come.
struct Target {
    ends: Vec<PartitionEnd>,
    /// Partitions that lack what was counted of them: nobody can catch up with that.
    lost: Vec<i32>,
}

impl Rebuilder {
    /// Counts until the new counts have taken over, or until `shutdown`.
    ///
    /// # Errors
    /// [`RebuildFault`]; then the counts are what they were.
    pub async fn run(&self, shutdown: &CancellationToken) -> Result<Rebuilt, RebuildFault> {
        let ticket = self.next.begin_rebuild().await.map_err(unwritable)?;
        let counted = shutdown.run_until_cancelled(self.count(ticket)).await;
        let counted = counted.unwrap_or(Err(RebuildFault::BrokenOff));
        if counted.is_err()
            && let Err(error) = self.next.abandon_rebuild(ticket).await
        {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "what was rebuilt so far is left to the next rebuild"
            );
        }
        counted
    }

    async fn count(&self, ticket: RebuildTicket) -> Result<Rebuilt, RebuildFault> {
        self.log.prepare().await?;
        let mut target = self.target().await?;
        let mut positions = starts(&target.ends);
        let mut ahead = self.read(&positions).await?;
        let mut progress = Progress::new();
        loop {
            if reached(&target.ends, &positions) {
                target = self.target().await?;
                // With nothing left to read there is no batch to wait for.
                if reached(&target.ends, &positions)
                    && self
                        .fold(ticket, FoldBatch::default(), Some(&target), &mut progress)
                        .await?
                {
                    return Ok(progress.rebuilt);
                }
            }
            // What the projector has read further meanwhile is there to be read here too.
            let batch = self.next_batch(&mut ahead, &positions).await?;
            positions.clone_from(&batch.to);
            let caught_up = reached(&target.ends, &positions).then_some(&target);
            let folded = self.fold(ticket, batch, caught_up, &mut progress);
            if ahead.during(folded).await? {
                return Ok(progress.rebuilt);
            }
            progress.tell(&target, &positions);
        }
    }

    /// The positions are read before the ends: a log that only grows can never end below them.
    async fn target(&self) -> Result<Target, RebuildFault> {
        let counted = self.projection.positions().await.map_err(unwritable)?;
        let ends = self.log.ends().await?;
        let lost = counted
            .iter()
            .filter(|counted| {
                let end = ends.iter().find(|end| end.partition == counted.partition);
                end.map_or(0, |end| end.next_offset) < counted.next_offset
            })
            .map(|counted| counted.partition)
            .collect();
        Ok(Target { ends, lost })
    }

    async fn read(&self, from: &[FoldPosition]) -> Result<ReadAhead, LogError> {
        let reader = self.log.read(ends(from)).await?;
        Ok(ReadAhead::new(reader, from.to_vec()))
    }

    /// Reads on, also over a time in which the log is away.
    async fn next_batch(
        &self,
        ahead: &mut ReadAhead,
        from: &[FoldPosition],
    ) -> Result<FoldBatch, RebuildFault> {
        let mut failures = 0;
        loop {
            match ahead.next().await {
                Ok(batch) => return Ok(batch),
                Err(Ended::Newer(type_name)) => return Err(RebuildFault::Newer(type_name)),
                Err(Ended::Log(LogError::OutOfRange { partition, offset: 0 })) => {
                    return Err(RebuildFault::NotFromTheStart { partition });
                }
                Err(Ended::Log(fault @ LogError::Away { .. })) => {
                    failures += 1;
                    tracing::warn!(
                        error = &fault as &dyn std::error::Error,
                        "the rebuild waits for the event log"
                    );
                    tokio::time::sleep(Backoff::RECONNECT.draw(failures)).await;
                    *ahead = self.read(from).await?;
                }
                Err(Ended::Log(fault)) => return Err(fault.into()),
            }
        }
    }

    /// Whether the new counts have taken over.
    async fn fold(
        &self,
        ticket: RebuildTicket,
        batch: FoldBatch,
        caught_up: Option<&Target>,
        progress: &mut Progress,
    ) -> Result<bool, RebuildFault> {
        let quarantined = batch.quarantine.len() as u64;
        let flip = caught_up.map(|target| target.lost.clone());
        let folded = self
            .next
            .fold_next(ticket, batch, flip)
            .await
            .map_err(unwritable)?;
        progress.rebuilt.events += folded.outcome.applied;
        progress.rebuilt.duplicates += folded.outcome.duplicates;
        progress.rebuilt.quarantined += quarantined;
        Ok(folded.flipped)
    }
}

fn starts(ends: &[PartitionEnd]) -> Vec<FoldPosition> {
    ends.iter()
        .map(|end| FoldPosition {
            partition: end.partition,
            next_offset: 0,
            last: None,
        })
        .collect()
}

fn unwritable(fault: ProjectionError) -> RebuildFault {
    match fault {
        ProjectionError::Fenced => RebuildFault::Superseded,
        fault @ ProjectionError::Failed { .. } => RebuildFault::Projection(fault),
    }
}

/// What was counted, and what was told of it.
struct Progress {
    rebuilt: Rebuilt,
    told: Rebuilt,
    told_at: Instant,
}

impl Progress {
    fn new() -> Self {
        Self {
            rebuilt: Rebuilt::default(),
            told: Rebuilt::default(),
            told_at: Instant::now(),
        }
    }

    fn tell(&mut self, target: &Target, positions: &[FoldPosition]) {
        let elapsed = self.told_at.elapsed();
        if elapsed < TELL_EVERY {
            return;
        }
        let left: i64 = target
            .ends
            .iter()
            .map(|end| {
                let read = positions
                    .iter()
                    .find(|position| position.partition == end.partition);
                (end.next_offset - read.map_or(0, |read| read.next_offset)).max(0)
            })
            .sum();
        let read = |rebuilt: &Rebuilt| rebuilt.events + rebuilt.duplicates + rebuilt.quarantined;
        let since = (read(&self.rebuilt) - read(&self.told)) as f64;
        tracing::info!(
            records = read(&self.rebuilt),
            records_per_s = (since / elapsed.as_secs_f64()).round(),
            records_left = left,
            "the counts are rebuilt"
        );
        self.told = self.rebuilt;
        self.told_at = Instant::now();
    }
}
