//! Records that could not be counted, and which of them a later record has corrected (P19).

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::ProjectionStore;
use super::generation::Tables;
use crate::ports::{
    FoldEvent, ProjectionError, Quarantine, QuarantineRecord, QuarantinedRecord, RecordPlace,
};

/// Bytes of a record in quarantine that are kept.
const QUARANTINE_BYTES_MAX: usize = 4096;

#[async_trait]
impl Quarantine for ProjectionStore {
    async fn quarantined(
        &self,
        after: Option<RecordPlace>,
        limit: usize,
    ) -> Result<Vec<QuarantinedRecord>, ProjectionError> {
        let result = self.reader.read(move |file| Ok(list(file, after, limit)?)).await;
        self.answer("quarantined", result)
    }

    async fn quarantined_at(&self, place: RecordPlace) -> Result<Option<QuarantinedRecord>, ProjectionError> {
        let result = self.reader.read(move |file| Ok(at(file, place)?)).await;
        self.answer("quarantined_at", result)
    }
}

/// Keeps the records that could not be counted.
pub(super) fn put_aside(file: &Connection, t: Tables, records: &[QuarantineRecord]) -> rusqlite::Result<()> {
    let mut store = file.prepare_cached(&format!(
        "INSERT OR IGNORE INTO {t}quarantine (partition, offset, reason, bytes, event_id, size_bytes)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
    ))?;
    for record in records {
        let kept = &record.bytes[..record.bytes.len().min(QUARANTINE_BYTES_MAX)];
        let size_bytes = i64::try_from(record.size_bytes).unwrap_or(i64::MAX);
        store.execute(params![
            record.partition,
            record.offset,
            record.reason,
            kept,
            record.event_id,
            size_bytes
        ])?;
    }
    Ok(())
}

/// Remembers which records the events of a batch correct, counted or not: a second correction is a duplicate.
pub(super) fn correct(file: &Connection, t: Tables, events: &[FoldEvent]) -> rusqlite::Result<()> {
    let mut corrected = events.iter().filter_map(|event| event.replaces).peekable();
    if corrected.peek().is_none() {
        return Ok(());
    }
    let mut keep = file.prepare_cached(&format!(
        "INSERT OR IGNORE INTO {t}corrections (partition, offset) VALUES (?1, ?2)"
    ))?;
    for place in corrected {
        keep.execute(params![place.partition, place.offset])?;
    }
    Ok(())
}

/// How many are in quarantine and not corrected: what the counts lack.
pub(super) fn count(file: &Connection) -> rusqlite::Result<u64> {
    file.prepare_cached(
        "SELECT (SELECT count(*) FROM quarantine)
              - (SELECT count(*) FROM corrections JOIN quarantine USING (partition, offset))",
    )?
    .query_row([], |row| row.get::<_, i64>(0).map(i64::unsigned_abs))
}

const SELECT: &str = "SELECT partition, offset, reason, bytes, event_id, size_bytes,
       EXISTS (SELECT 1 FROM corrections AS c WHERE c.partition = q.partition AND c.offset = q.offset)
     FROM quarantine AS q";

fn list(
    file: &Connection,
    after: Option<RecordPlace>,
    limit: usize,
) -> rusqlite::Result<Vec<QuarantinedRecord>> {
    let after = after.unwrap_or(RecordPlace {
        partition: -1,
        offset: 0,
    });
    file.prepare_cached(&format!(
        "{SELECT} WHERE (partition, offset) > (?1, ?2) ORDER BY partition, offset LIMIT ?3"
    ))?
    .query_map(
        params![
            after.partition,
            after.offset,
            i64::try_from(limit).unwrap_or(i64::MAX)
        ],
        record,
    )?
    .collect()
}

fn at(file: &Connection, place: RecordPlace) -> rusqlite::Result<Option<QuarantinedRecord>> {
    file.prepare_cached(&format!("{SELECT} WHERE partition = ?1 AND offset = ?2"))?
        .query_row(params![place.partition, place.offset], record)
        .optional()
}

fn record(row: &Row<'_>) -> rusqlite::Result<QuarantinedRecord> {
    Ok(QuarantinedRecord {
        record: QuarantineRecord {
            partition: row.get(0)?,
            offset: row.get(1)?,
            reason: row.get(2)?,
            bytes: row.get(3)?,
            event_id: row.get(4)?,
            size_bytes: row.get::<_, i64>(5)?.unsigned_abs(),
        },
        corrected: row.get(6)?,
    })
}

#[cfg(test)]
mod tests {
    use super::super::SCHEMA;
    use super::*;

    #[test]
    fn p19_no_more_than_four_kibibytes_of_a_record_are_kept() {
        let file = Connection::open_in_memory().unwrap();
        for migration in SCHEMA.migrations {
            file.execute_batch(migration).unwrap();
        }
        let record = |offset, size| QuarantineRecord {
            partition: 0,
            offset,
            reason: String::new(),
            event_id: String::new(),
            size_bytes: size as u64,
            bytes: vec![b'x'; size],
        };
        let all = [record(0, 0), record(1, 4096), record(2, 4097)];
        put_aside(&file, Tables::Present, &all).unwrap();
        let kept: Vec<_> = list(&file, None, 10)
            .unwrap()
            .into_iter()
            .map(|kept| (kept.record.bytes.len(), kept.record.size_bytes))
            .collect();
        assert_eq!(kept, [(0, 0), (4096, 4096), (4096, 4097)]);
    }
}
