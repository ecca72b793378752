//! Step 8: jobs are read back, each answer from one snapshot.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::Uuid;

use super::fault::Fault;
use super::rows::{self, count, int};
use super::{JobStore, ledger, list, report};
use crate::job::{Attempt, JobError, JobFilter, JobId, JobState, JobView, Labels, Progress, ReportRow};
use crate::ports::{JobLookup, JobPage, JobReader, StoreError, StoredReject};
use crate::time::Timestamp;

#[async_trait]
impl JobReader for JobStore {
    async fn job(&self, id: JobId, max_rows: usize) -> Result<JobLookup, StoreError> {
        self.read("job", move |connection| lookup(connection, id, max_rows))
            .await
    }

    async fn list(
        &self,
        filter: &JobFilter,
        before: Option<i64>,
        limit: usize,
    ) -> Result<JobPage, StoreError> {
        let filter = filter.clone();
        self.read("list", move |connection| {
            list::page(connection, &filter, before, limit)
        })
        .await
    }

    async fn rejects(&self, id: JobId, offset: u64, limit: usize) -> Result<Vec<StoredReject>, StoreError> {
        self.read("rejects", move |connection| {
            rejects(connection, id, offset, limit)
        })
        .await
    }

    async fn report_rows(&self, id: JobId, offset: u64, limit: usize) -> Result<Vec<ReportRow>, StoreError> {
        self.read("report_rows", move |connection| match seq(connection, id)? {
            Some(job) => report::page(connection, job, offset, limit),
            None => Ok(Vec::new()),
        })
        .await
    }

    async fn unknown(&self, ids: &[JobId]) -> Result<Vec<JobId>, StoreError> {
        let ids = ids.to_vec();
        self.read("unknown", move |connection| {
            let mut unknown = Vec::new();
            for id in ids {
                if seq(connection, id)?.is_none() {
                    unknown.push(id);
                }
            }
            Ok(unknown)
        })
        .await
    }

    async fn open_jobs(&self) -> Result<Vec<(&'static str, JobState, u64)>, StoreError> {
        self.read("open_jobs", open_jobs).await
    }

    fn epoch(&self) -> u64 {
        self.kept_epoch()
    }
}

/// What the id leads to.
pub(super) fn lookup(connection: &Connection, id: JobId, max_rows: usize) -> Result<JobLookup, Fault> {
    if let Some(view) = view(connection, id, max_rows)? {
        return Ok(JobLookup::Found(Box::new(view)));
    }
    let gone: bool = connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM tombstones WHERE id = ?1)")?
        .query_row([id.as_bytes()], |row| row.get(0))?;
    Ok(if gone { JobLookup::Gone } else { JobLookup::Unknown })
}

/// The whole job.
pub(super) fn view(connection: &Connection, id: JobId, max_rows: usize) -> Result<Option<JobView>, Fault> {
    let sql = format!("SELECT {COLUMNS} FROM jobs WHERE id = ?1");
    let head = connection
        .prepare_cached(&sql)?
        .query_row([id.as_bytes()], |row| Ok(head(row)))
        .optional()?
        .transpose()?;
    let Some(mut view) = head else {
        return Ok(None);
    };
    view.receipts = ledger::receipts(connection, view.seq)?;
    view.attempts = attempts(connection, view.seq)?;
    view.report = report::of(connection, &view, max_rows)?;
    Ok(Some(view))
}

/// The columns that [`head`] reads.
pub(super) const COLUMNS: &str = "id, seq, request, state, revision, retry_of, created_ms, started_ms, \
     ended_ms, expires_ms, received, rejected, published, error_code, error_detail, labels";

/// The job without what other tables hold.
pub(super) fn head(row: &Row<'_>) -> Result<JobView, Fault> {
    let time = |place| {
        row.get::<_, Option<i64>>(place)
            .map(|ms| ms.map(Timestamp::from_millis))
    };
    let state = rows::job_state(&row.get::<_, String>(3)?)?;
    let error = match (row.get::<_, Option<String>>(13)?, state) {
        (Some(code), JobState::Failed | JobState::PartiallySucceeded) => Some(JobError {
            code: JobError::code_from_name(&code),
            detail: row.get::<_, Option<String>>(14)?.unwrap_or_default(),
        }),
        _ => None,
    };
    Ok(JobView {
        id: JobId(Uuid::from_bytes(row.get(0)?)),
        seq: row.get(1)?,
        request: rows::json("jobs.request", &row.get::<_, String>(2)?)?,
        state,
        revision: count(row.get(4)?),
        retry_of: row
            .get::<_, Option<[u8; 16]>>(5)?
            .map(|id| JobId(Uuid::from_bytes(id))),
        labels: match row.get::<_, Option<String>>(15)? {
            Some(labels) => rows::json("jobs.labels", &labels)?,
            None => Labels::default(),
        },
        created_at: Timestamp::from_millis(row.get(6)?),
        started_at: time(7)?,
        ended_at: time(8)?,
        expires_at: time(9)?,
        progress: Progress {
            received: count(row.get(10)?),
            rejected: count(row.get(11)?),
            published: count(row.get(12)?),
        },
        receipts: Vec::new(),
        attempts: Vec::new(),
        report: None,
        error,
    })
}

/// The last ten, oldest first.
fn attempts(connection: &Connection, job: i64) -> Result<Vec<Attempt>, Fault> {
    let mut attempts: Vec<Attempt> = connection
        .prepare_cached(
            "SELECT task, n, worker, started_ms, ended_ms, error FROM attempts
             WHERE job = ?1 ORDER BY revision DESC, started_ms DESC, n DESC, task DESC LIMIT 10",
        )?
        .query_map([job], |row| {
            Ok(Attempt {
                task: row.get(0)?,
                n: row.get(1)?,
                worker: row.get(2)?,
                started_at: Timestamp::from_millis(row.get(3)?),
                ended_at: row.get::<_, Option<i64>>(4)?.map(Timestamp::from_millis),
                error: row.get(5)?,
            })
        })?
        .collect::<Result<_, _>>()?;
    attempts.reverse();
    Ok(attempts)
}

fn seq(connection: &Connection, id: JobId) -> Result<Option<i64>, Fault> {
    Ok(connection
        .prepare_cached("SELECT seq FROM jobs WHERE id = ?1")?
        .query_row([id.as_bytes()], |row| row.get(0))
        .optional()?)
}

fn rejects(
    connection: &Connection,
    id: JobId,
    offset: u64,
    limit: usize,
) -> Result<Vec<StoredReject>, Fault> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    Ok(connection
        .prepare_cached(
            "SELECT line, pointer, code, reason, raw FROM rejects
             WHERE owner = (SELECT input FROM jobs WHERE id = ?1) ORDER BY id LIMIT ?2 OFFSET ?3",
        )?
        .query_map(params![id.as_bytes(), limit, int(offset)], |row| {
            Ok(StoredReject {
                line: count(row.get(0)?),
                pointer: row.get(1)?,
                code: row.get(2)?,
                reason: row.get(3)?,
                raw: row.get(4)?,
            })
        })?
        .collect::<Result<_, _>>()?)
}

fn open_jobs(connection: &Connection) -> Result<Vec<(&'static str, JobState, u64)>, Fault> {
    let mut statement =
        connection.prepare_cached("SELECT kind, state, n FROM counts WHERE n > 0 ORDER BY kind, state")?;
    let mut found = statement.query([])?;
    let mut open = Vec::new();
    while let Some(row) = found.next()? {
        open.push((
            rows::kind(&row.get::<_, String>(0)?)?.as_str(),
            rows::job_state(&row.get::<_, String>(1)?)?,
            count(row.get(2)?),
        ));
    }
    Ok(open)
}
