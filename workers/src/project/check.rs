//! P17: the log is checked, not trusted. Every start compares the last record read with what stands there now.

use shared::ports::{EventLog, FoldPosition, PartitionEnd, Projection};
use shared::wire::UserEventRecord;

use super::Stop;

/// Where to read on: every partition of the topic, after the log was found to be the one that was read.
pub(crate) async fn checked_positions(
    log: &dyn EventLog,
    projection: &dyn Projection,
) -> Result<Vec<FoldPosition>, Stop> {
    let partitions = log.prepare().await.map_err(Stop::Log)?;
    let known = projection.positions().await.map_err(Stop::Projection)?;
    if !known.is_empty() && known.len() != partitions as usize {
        let counted = known.len();
        return Err(Stop::Diverged(format!(
            "it has {partitions} partitions, and {counted} were counted"
        )));
    }
    let ends = log.ends().await.map_err(Stop::Log)?;
    let mut positions = Vec::new();
    for end in ends {
        let position = known.iter().find(|position| position.partition == end.partition);
        positions.push(match position {
            Some(position) => {
                check(log, position, end).await?;
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

async fn check(log: &dyn EventLog, position: &FoldPosition, end: PartitionEnd) -> Result<(), Stop> {
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
    let entry = log.record_at(partition, *offset).await.map_err(Stop::Log)?;
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
