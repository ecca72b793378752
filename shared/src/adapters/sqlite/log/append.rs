//! Step 5: records get their partition and the next offsets, in the transaction of the writer's batch.

use std::sync::Arc;

use rusqlite::Connection;
use sha2::{Digest, Sha256};

use super::super::WriteError;
use super::PARTITIONS;
use crate::ports::{LogDelivery, LogRecord};

/// Appends all records in their order.
pub(super) fn append(
    connection: &Connection,
    records: &[LogRecord],
    now_ms: i64,
) -> Result<Vec<LogDelivery>, WriteError> {
    append_all(connection, records, now_ms).map_err(|source| WriteError::Failed(Arc::new(source)))
}

fn append_all(
    connection: &Connection,
    records: &[LogRecord],
    now_ms: i64,
) -> rusqlite::Result<Vec<LogDelivery>> {
    let mut next = Vec::new();
    for partition in 0..PARTITIONS {
        next.push(end(connection, partition)?);
    }
    let mut insert = connection.prepare_cached(
        "INSERT INTO records (partition, offset, timestamp_ms, key, headers, value)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    records
        .iter()
        .map(|record| {
            let (partition, place) = partition_of(&record.key);
            let offset = next[place];
            let headers = serde_json::to_string(&record.headers)
                .map_err(|fault| rusqlite::Error::ToSqlConversionFailure(Box::new(fault)))?;
            insert.execute((
                partition,
                offset,
                now_ms,
                &record.key[..],
                headers,
                &record.value[..],
            ))?;
            next[place] += 1;
            Ok(LogDelivery {
                partition,
                offset: Some(offset),
            })
        })
        .collect()
}

/// The next offset to be written to the partition.
pub(super) fn end(connection: &Connection, partition: i32) -> rusqlite::Result<i64> {
    connection
        .prepare_cached("SELECT coalesce(max(offset) + 1, 0) FROM records WHERE partition = ?1")?
        .query_row([partition], |row| row.get(0))
}

/// The partition of a key, as number and as place in a list. It never changes: a user's events keep their order.
fn partition_of(key: &[u8]) -> (i32, usize) {
    let partition = Sha256::digest(key)[0] % PARTITIONS.to_le_bytes()[0];
    (i32::from(partition), usize::from(partition))
}
