//! A report of all that ever happened, read from the counters in one snapshot.

use rusqlite::{Connection, Row};

use super::places::{CITY, COUNTRY, STATE};
use super::quarantine;
use crate::job::{GroupBy, PartitionOffset, Report, ReportRow};
use crate::ports::ReportQuery;

/// Reads the report; `file` shows one snapshot. Its cost follows the number of places, whatever has happened at them.
pub(super) fn report(file: &Connection, query: &ReportQuery) -> rusqlite::Result<Report> {
    let (users, events, mut rows) = counters(file, query.group_by)?;
    Report::sort_rows(&mut rows);
    Ok(Report {
        group_by: query.group_by,
        generated_at: query.generated_at,
        users,
        events,
        rows_total: rows.len() as u64,
        quarantined: quarantine::count(file)?,
        as_of: as_of(file, &query.topic)?,
        rows,
    })
}

/// Users, events and rows.
fn counters(file: &Connection, group_by: GroupBy) -> rusqlite::Result<(u64, u64, Vec<ReportRow>)> {
    let (users, events) = file
        .prepare_cached("SELECT users, events FROM totals")?
        .query_row([], |row| Ok((whole(row, 0)?, whole(row, 1)?)))?;
    let rows = rows_by_place(file, group_by)?
        .into_iter()
        .map(|(_, row)| row)
        .collect();
    Ok((users, events, rows))
}

/// The places that are grouped by, with their ids and all that ever happened there.
pub(super) fn rows_by_place(file: &Connection, group_by: GroupBy) -> rusqlite::Result<Vec<(i64, ReportRow)>> {
    file.prepare_cached(
        "SELECT place.country, place.shown, state.shown, place.users, place.events, place.id
         FROM places AS place LEFT JOIN places AS state ON state.id = place.in_state
         WHERE place.level = ?1",
    )?
    .query_map([level(group_by)], |row| {
        Ok((row.get(5)?, report_row(row, group_by)?))
    })?
    .collect()
}

const fn level(group_by: GroupBy) -> i64 {
    match group_by {
        GroupBy::City => CITY,
        GroupBy::State => STATE,
        GroupBy::Country => COUNTRY,
    }
}

/// Of `country, shown, the state's shown, users, events`.
fn report_row(row: &Row<'_>, group_by: GroupBy) -> rusqlite::Result<ReportRow> {
    let (state, city) = match group_by {
        GroupBy::City => (row.get(2)?, row.get(1)?),
        GroupBy::State => (row.get(1)?, None),
        GroupBy::Country => (None, None),
    };
    Ok(ReportRow {
        country: row.get(0)?,
        state,
        city,
        users: whole(row, 3)?,
        events: whole(row, 4)?,
    })
}

/// A count; SQLite has no unsigned numbers.
fn whole(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column).map(i64::unsigned_abs)
}

pub(super) fn as_of(file: &Connection, topic: &str) -> rusqlite::Result<Vec<PartitionOffset>> {
    file.prepare_cached("SELECT partition, next_offset FROM positions ORDER BY partition")?
        .query_map([], |row| {
            Ok(PartitionOffset {
                topic: topic.to_owned(),
                partition: row.get(0)?,
                next_offset: row.get(1)?,
            })
        })?
        .collect()
}
