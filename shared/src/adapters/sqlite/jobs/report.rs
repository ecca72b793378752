//! The result of a report: a header, and rows that are read a page at a time.

use rusqlite::{Connection, OptionalExtension, params};

use super::fault::Fault;
use super::rows::{self, JobRow, int};
use super::tx::Tx;
use crate::job::{JobState, JobView, Report, ReportRow};

/// Keeps the result of a job.
pub(super) fn insert(tx: &Tx<'_>, job: &JobRow, report: &Report) -> Result<(), Fault> {
    let header = Report {
        rows: Vec::new(),
        as_of: report.as_of.clone(),
        ..*report
    };
    tx.run(
        "INSERT INTO reports (job, header) VALUES (?1, ?2)",
        params![job.seq, rows::to_json(&header)],
    )?;
    let mut statement = tx.statement(
        "INSERT INTO report_rows (job, n, country, state, city, users, events)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    for (n, row) in (0_i64..).zip(&report.rows) {
        statement.execute(params![
            job.seq,
            n,
            row.country,
            row.state,
            row.city,
            int(row.users),
            int(row.events),
        ])?;
    }
    Ok(())
}

/// The result of the job with its first `max_rows` rows. One that was cancelled while its report was mailed has none.
pub(super) fn of(connection: &Connection, job: &JobView, max_rows: usize) -> Result<Option<Report>, Fault> {
    match job.state {
        JobState::Cancelled => Ok(None),
        JobState::Queued
        | JobState::Running
        | JobState::Cancelling
        | JobState::Succeeded
        | JobState::PartiallySucceeded
        | JobState::Failed => read(connection, job.seq, max_rows),
    }
}

fn read(connection: &Connection, job: i64, max_rows: usize) -> Result<Option<Report>, Fault> {
    let header: Option<String> = connection
        .prepare_cached("SELECT header FROM reports WHERE job = ?1")?
        .query_row([job], |row| row.get(0))
        .optional()?;
    let Some(header) = header else {
        return Ok(None);
    };
    let mut report: Report = rows::json("reports.header", &header)?;
    report.rows = page(connection, job, 0, max_rows)?;
    Ok(Some(report))
}

/// Up to `limit` rows from the `offset`th on.
pub(super) fn page(
    connection: &Connection,
    job: i64,
    offset: u64,
    limit: usize,
) -> Result<Vec<ReportRow>, Fault> {
    let offset = int(offset);
    let end = offset.saturating_add(i64::try_from(limit).unwrap_or(i64::MAX));
    Ok(connection
        .prepare_cached(
            "SELECT country, state, city, users, events FROM report_rows
             WHERE job = ?1 AND n >= ?2 AND n < ?3 ORDER BY n",
        )?
        .query_map(params![job, offset, end], |row| {
            Ok(ReportRow {
                country: row.get(0)?,
                state: row.get(1)?,
                city: row.get(2)?,
                users: rows::count(row.get(3)?),
                events: rows::count(row.get(4)?),
            })
        })?
        .collect::<Result<_, _>>()?)
}
