//! Step 8: jobs are read back. Readers never wait for writers.

use async_trait::async_trait;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params_from_iter};

use super::moves::job_state;
use super::{Fault, JobStore};
use crate::job::{
    Attempt, JobError, JobFilter, JobId, JobKind, JobState, JobView, Progress, Receipt, Report, ReportRow,
};
use crate::ports::{JobLookup, JobPage, JobReader, StoreError, StoredReject};
use crate::time::Timestamp;

/// What every representation of a job needs, in the order that [`head`] reads.
const HEAD: &str =
    "seq, id, request, state, revision, retry_of, created_ms, started_ms, ended_ms, expires_ms,
    received, rejected, published, error_code, error_detail, report";

#[async_trait]
impl JobReader for JobStore {
    async fn job(&self, id: JobId, max_rows: usize) -> Result<JobLookup, StoreError> {
        self.read("job", move |connection| {
            let seq: Option<i64> = connection
                .prepare_cached("SELECT seq FROM jobs WHERE id = ?1")?
                .query_row([id.as_bytes()], |row| row.get(0))
                .optional()?;
            match seq {
                Some(seq) => Ok(JobLookup::Found(Box::new(view(connection, seq, max_rows)?))),
                None if purged(connection, id)? => Ok(JobLookup::Gone),
                None => Ok(JobLookup::Unknown),
            }
        })
        .await
    }

    async fn list(
        &self,
        filter: &JobFilter,
        before: Option<i64>,
        limit: usize,
    ) -> Result<JobPage, StoreError> {
        let filter = filter.clone();
        self.read("list", move |connection| list(connection, &filter, before, limit))
            .await
    }

    async fn rejects(&self, id: JobId, offset: u64, limit: usize) -> Result<Vec<StoredReject>, StoreError> {
        self.read("rejects", move |connection| {
            let mut select = connection.prepare_cached(
                "SELECT line, pointer, code, reason, raw FROM rejects
                 WHERE input = (SELECT input FROM jobs WHERE id = ?1) ORDER BY line LIMIT ?2 OFFSET ?3",
            )?;
            let rows = select.query_map((id.as_bytes(), limit as i64, offset.cast_signed()), |row| {
                Ok(StoredReject {
                    line: row.get::<_, i64>(0)?.unsigned_abs(),
                    pointer: row.get(1)?,
                    code: row.get(2)?,
                    reason: row.get(3)?,
                    raw: row.get(4)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    async fn report_rows(&self, id: JobId, offset: u64, limit: usize) -> Result<Vec<ReportRow>, StoreError> {
        self.read("report rows", move |connection| {
            let seq: Option<i64> = connection
                .prepare_cached("SELECT seq FROM jobs WHERE id = ?1")?
                .query_row([id.as_bytes()], |row| row.get(0))
                .optional()?;
            seq.map_or_else(
                || Ok(Vec::new()),
                |seq| report_rows(connection, seq, offset, limit),
            )
        })
        .await
    }

    async fn unknown(&self, ids: &[JobId]) -> Result<Vec<JobId>, StoreError> {
        let ids = ids.to_vec();
        self.read("unknown jobs", move |connection| {
            let mut known = connection.prepare_cached("SELECT 1 FROM jobs WHERE id = ?1")?;
            let mut unknown = Vec::new();
            for id in ids {
                if !known.exists([id.as_bytes()])? {
                    unknown.push(id);
                }
            }
            Ok(unknown)
        })
        .await
    }

    async fn open_jobs(&self) -> Result<Vec<(&'static str, JobState, u64)>, StoreError> {
        self.read("open jobs", |connection| {
            let mut select = connection.prepare_cached("SELECT kind, state, jobs FROM job_counts")?;
            let rows = select.query_map([], |row| {
                Ok((
                    row.get::<_, String>(0)?,
                    row.get::<_, String>(1)?,
                    row.get::<_, i64>(2)?,
                ))
            })?;
            let mut open = Vec::new();
            for row in rows {
                let (kind, state, jobs) = row?;
                let state = job_state(&state)?;
                if let Some(kind) = JobKind::from_name(&kind).filter(|_| !state.is_terminal() && jobs > 0) {
                    open.push((kind.as_str(), state, jobs.unsigned_abs()));
                }
            }
            Ok(open)
        })
        .await
    }

    fn epoch(&self) -> u64 {
        self.inner.epoch
    }
}

/// The whole job, with at most `max_rows` rows of its report.
pub(super) fn view(connection: &Connection, seq: i64, max_rows: usize) -> Result<JobView, Fault> {
    let mut view = connection
        .prepare_cached(&format!("SELECT {HEAD} FROM jobs WHERE seq = ?1"))?
        .query_row([seq], |row| Ok(head(row)))??;
    view.receipts = receipts(connection, seq)?;
    view.attempts = attempts(connection, seq)?;
    if let Some(report) = &mut view.report {
        report.rows = report_rows(connection, seq, 0, max_rows)?;
    }
    Ok(view)
}

/// Whether the id is one of a purged job.
pub(super) fn purged(connection: &Connection, id: JobId) -> Result<bool, Fault> {
    Ok(connection
        .prepare_cached("SELECT 1 FROM tombstones WHERE id = ?1")?
        .exists([id.as_bytes()])?)
}

fn head(row: &Row<'_>) -> Result<JobView, Fault> {
    let time = |ms: Option<i64>| ms.map(Timestamp::from_millis);
    let count = |place: usize| Ok::<u64, Fault>(row.get::<_, i64>(place)?.unsigned_abs());
    let code: Option<String> = row.get(13)?;
    let detail: Option<String> = row.get(14)?;
    let report: Option<String> = row.get(15)?;
    Ok(JobView {
        seq: row.get(0)?,
        id: JobId(uuid::Uuid::from_bytes(row.get(1)?)),
        request: serde_json::from_str(&row.get::<_, String>(2)?)?,
        state: job_state(&row.get::<_, String>(3)?)?,
        revision: count(4)?,
        retry_of: row
            .get::<_, Option<[u8; 16]>>(5)?
            .map(|id| JobId(uuid::Uuid::from_bytes(id))),
        created_at: Timestamp::from_millis(row.get(6)?),
        started_at: time(row.get(7)?),
        ended_at: time(row.get(8)?),
        expires_at: time(row.get(9)?),
        progress: Progress {
            received: count(10)?,
            rejected: count(11)?,
            published: count(12)?,
        },
        receipts: Vec::new(),
        attempts: Vec::new(),
        report: report
            .as_deref()
            .map(serde_json::from_str::<Report>)
            .transpose()?,
        error: code.zip(detail).map(|(code, detail)| JobError {
            code: JobError::code_from_name(&code),
            detail,
        }),
    })
}

fn receipts(connection: &Connection, seq: i64) -> Result<Vec<Receipt>, Fault> {
    let mut select = connection.prepare_cached(
        "SELECT topic, partition, first_offset, last_offset, events, without_offset FROM receipts
         WHERE job = ?1 ORDER BY topic, partition",
    )?;
    let rows = select.query_map([seq], |row| {
        Ok(Receipt {
            topic: row.get(0)?,
            partition: row.get(1)?,
            first_offset: row.get(2)?,
            last_offset: row.get(3)?,
            events: row.get::<_, i64>(4)?.unsigned_abs(),
            without_offset: row.get::<_, i64>(5)?.unsigned_abs(),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The last ten, oldest first.
fn attempts(connection: &Connection, seq: i64) -> Result<Vec<Attempt>, Fault> {
    let mut select = connection.prepare_cached(
        "SELECT task, n, worker, started_ms, ended_ms, error FROM attempts
         WHERE job = ?1 ORDER BY claim_no DESC LIMIT 10",
    )?;
    let rows = select.query_map([seq], |row| {
        Ok(Attempt {
            task: row.get(0)?,
            n: row.get(1)?,
            worker: row.get(2)?,
            started_at: Timestamp::from_millis(row.get(3)?),
            ended_at: row.get::<_, Option<i64>>(4)?.map(Timestamp::from_millis),
            error: row.get(5)?,
        })
    })?;
    let mut attempts: Vec<Attempt> = rows.collect::<Result<_, _>>()?;
    attempts.reverse();
    Ok(attempts)
}

fn report_rows(
    connection: &Connection,
    seq: i64,
    offset: u64,
    limit: usize,
) -> Result<Vec<ReportRow>, Fault> {
    let mut select = connection.prepare_cached(
        "SELECT country, state, city, users, events FROM report_rows
         WHERE job = ?1 AND place >= ?2 ORDER BY place LIMIT ?3",
    )?;
    let rows = select.query_map((seq, offset.cast_signed(), limit as i64), |row| {
        Ok(ReportRow {
            country: row.get(0)?,
            state: row.get(1)?,
            city: row.get(2)?,
            users: row.get::<_, i64>(3)?.unsigned_abs(),
            events: row.get::<_, i64>(4)?.unsigned_abs(),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn list(
    connection: &Connection,
    filter: &JobFilter,
    before: Option<i64>,
    limit: usize,
) -> Result<JobPage, Fault> {
    let mut conditions = vec!["seq < ?".to_owned()];
    let mut values = vec![Value::Integer(before.unwrap_or(i64::MAX))];
    let mut any_of = |column: &str, names: Vec<String>| {
        if !names.is_empty() {
            conditions.push(format!("{column} IN ({})", vec!["?"; names.len()].join(", ")));
            values.extend(names.into_iter().map(Value::Text));
        }
    };
    any_of("kind", filter.kinds.clone());
    any_of(
        "state",
        filter
            .states
            .iter()
            .map(|state| state.as_str().to_owned())
            .collect(),
    );
    for (condition, bound) in [
        ("created_ms >= ?", filter.created_from),
        ("created_ms < ?", filter.created_to),
    ] {
        if let Some(bound) = bound {
            conditions.push(condition.to_owned());
            values.push(Value::Integer(bound.as_millis()));
        }
    }
    // One more than asked for tells whether older ones follow.
    values.push(Value::Integer(limit as i64 + 1));
    let sql = format!(
        "SELECT {HEAD} FROM jobs WHERE {} ORDER BY seq DESC LIMIT ?",
        conditions.join(" AND ")
    );
    let mut select = connection.prepare_cached(&sql)?;
    let rows = select.query_map(params_from_iter(values), |row| Ok(head(row)))?;
    let mut jobs = rows.map(|row| row?).collect::<Result<Vec<_>, Fault>>()?;
    let more = jobs.len() > limit;
    jobs.truncate(limit);
    Ok(JobPage { jobs, more })
}
