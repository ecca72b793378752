//! Step 6: records are read in the order of their offsets; where there is none, the next commit is awaited.

use std::borrow::Cow;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use rusqlite::{Connection, Row, types::Type};
use tokio::sync::watch;

use super::super::{ReadError, Reader};
use super::append::end;
use super::health::LogHealth;
use super::{PARTITIONS, away};
use crate::ports::{LogBatch, LogEntry, LogError, LogReader, PartitionEnd};

/// Keeps its position in each partition.
pub(super) struct SqliteLogReader {
    reader: Reader,
    health: Arc<LogHealth>,
    commits: watch::Receiver<u64>,
    positions: Vec<PartitionEnd>,
}

impl SqliteLogReader {
    pub(super) fn new(
        reader: Reader,
        health: Arc<LogHealth>,
        commits: watch::Receiver<u64>,
        from: Vec<PartitionEnd>,
    ) -> Self {
        Self {
            reader,
            health,
            commits,
            positions: from,
        }
    }
}

#[async_trait]
impl LogReader for SqliteLogReader {
    async fn next(&mut self, max: usize) -> Result<LogBatch, LogError> {
        loop {
            // Seen before the file is read: a commit between the reading and the waiting ends the wait.
            self.commits.borrow_and_update();
            let from = self.positions.clone();
            let result = self
                .reader
                .read(move |connection| batch(connection, &from, max))
                .await;
            self.health.note(&result);
            let batch = result.map_err(|error| away("read", error))??;
            if batch.positions.is_empty() {
                self.commits
                    .changed()
                    .await
                    .map_err(|closed| away("read", closed))?;
                continue;
            }
            for moved in &batch.positions {
                if let Some(position) = self
                    .positions
                    .iter_mut()
                    .find(|position| position.partition == moved.partition)
                {
                    position.next_offset = moved.next_offset;
                }
            }
            // Whichever partition was served first is served last now: a small `max` starves none.
            self.positions.rotate_left(1);
            return Ok(batch);
        }
    }

    fn show_progress(&mut self, _positions: &[PartitionEnd]) {
        // No tool looks at this log from the outside.
    }
}

/// At most `max` records from these positions, shared evenly among the partitions that have any.
fn batch(
    connection: &Connection,
    from: &[PartitionEnd],
    max: usize,
) -> Result<Result<LogBatch, LogError>, ReadError> {
    let mut select = connection.prepare_cached(
        "SELECT partition, offset, timestamp_ms, key, headers, value FROM records
         WHERE partition = ?1 AND offset >= ?2 ORDER BY offset LIMIT ?3",
    )?;
    let mut batch = LogBatch::default();
    for (place, position) in from.iter().enumerate() {
        let share = (max - batch.entries.len()).div_ceil(from.len() - place);
        let limit = i64::try_from(share).unwrap_or(i64::MAX);
        let before = batch.entries.len();
        for row in select.query_map((position.partition, position.next_offset, limit), entry)? {
            batch.entries.push(row?);
        }
        let read = &batch.entries[before..];
        let holds = match read.first() {
            // Offsets are dense.
            Some(first) => first.offset == position.next_offset,
            None => position.next_offset <= end(connection, position.partition)? && position.next_offset >= 0,
        };
        if !holds {
            return Ok(Err(LogError::OutOfRange {
                partition: position.partition,
                offset: position.next_offset,
            }));
        }
        if let Some(last) = read.last() {
            batch.positions.push(PartitionEnd {
                partition: position.partition,
                next_offset: last.offset + 1,
            });
        }
    }
    Ok(Ok(batch))
}

/// The ends of all partitions in one snapshot.
pub(super) fn ends(connection: &Connection) -> rusqlite::Result<Vec<PartitionEnd>> {
    (0..PARTITIONS)
        .map(|partition| {
            Ok(PartitionEnd {
                partition,
                next_offset: end(connection, partition)?,
            })
        })
        .collect()
}

/// A text; borrowed where it has no escapes.
#[derive(serde::Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// One row of `records`, its columns in the order of the table.
pub(super) fn entry(row: &Row<'_>) -> rusqlite::Result<LogEntry> {
    let headers: Vec<(Text<'_>, Text<'_>)> = serde_json::from_str(row.get_ref(4)?.as_str()?)
        .map_err(|fault| rusqlite::Error::FromSqlConversionFailure(4, Type::Text, Box::new(fault)))?;
    Ok(LogEntry {
        partition: row.get(0)?,
        offset: row.get(1)?,
        timestamp_ms: row.get(2)?,
        key: Some(Bytes::from(row.get::<_, Vec<u8>>(3)?)),
        headers: headers
            .iter()
            .map(|(Text(name), Text(value))| (name, value))
            .collect(),
        value: Some(Bytes::from(row.get::<_, Vec<u8>>(5)?)),
    })
}
