//! P17: the log is checked, not trusted. Every start compares the last record read with what stands there now.

use shared::mutant::{self, Mutant};
use shared::ports::{FoldPosition, PartitionEnd};
use shared::wire::UserEventRecord;

use super::{Projector, Stop};

impl Projector {
    /// Where to read on: every partition of the topic, after the log was found to be the one that was read.
    pub(super) async fn checked_positions(&self) -> Result<Vec<FoldPosition>, Stop> {
        let partitions = self.log.prepare().await.map_err(Stop::Log)?;
        let known = self.projection.positions().await.map_err(Stop::Projection)?;
        let known = mutant::stale(Mutant::NoReloadAtTakeOver, &self.worker.0, known);
        if !known.is_empty() && known.len() != partitions as usize {
            let counted = known.len();
            return Err(Stop::Diverged(format!(
                "it has {partitions} partitions, and {counted} were counted"
            )));
        }
        let ends = self.log.ends().await.map_err(Stop::Log)?;
        let mut positions = Vec::new();
        for end in ends {
            let position = known.iter().find(|position| position.partition == end.partition);
            positions.push(match position {
                Some(position) => {
                    self.check(position, end).await?;
                    position.clone()
                }
                None => FoldPosition {
                    partition: end.partition,
                    next_offset: 0,
                    last: None,
                },
            });
        }
        Ok(positions)
    }

    async fn check(&self, position: &FoldPosition, end: PartitionEnd) -> Result<(), Stop> {
        let partition = position.partition;
        if end.next_offset < position.next_offset {
            return Err(Stop::Diverged(format!(
                "partition {partition} ends at {}, and {} was read",
                end.next_offset, position.next_offset
            )));
        }
        let Some((offset, event_id, timestamp_ms)) = &position.last else {
            return Ok(());
        };
        let entry = self.log.record_at(partition, *offset).await.map_err(Stop::Log)?;
        let same = entry.as_ref().is_some_and(|entry| {
            UserEventRecord::id_of(entry) == event_id && entry.timestamp_ms == *timestamp_ms
        });
        if same {
            return Ok(());
        }
        Err(Stop::Diverged(format!(
            "partition {partition} holds another record at offset {offset}"
        )))
    }
}
