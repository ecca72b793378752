//! A report, read in one snapshot: from the counters, or, within a span of time, from the events' rows.

use rusqlite::{Connection, Row, params};

use super::places::{CITY, COUNTRY, STATE};
use super::quarantine;
use crate::job::{GroupBy, PartitionOffset, Report, ReportRow};
use crate::ports::ReportQuery;
use crate::time::Timestamp;

/// Reads the report; `file` shows one snapshot.
pub(super) fn report(file: &Connection, query: &ReportQuery) -> rusqlite::Result<Report> {
    let (users, events, mut rows) = if query.from.is_none() && query.to.is_none() {
        counters(file, query.group_by)?
    } else {
        span(file, query)?
    };
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
type Counts = (u64, u64, Vec<ReportRow>);

/// Its cost follows the number of places, whatever has happened at them.
fn counters(file: &Connection, group_by: GroupBy) -> rusqlite::Result<Counts> {
    let (users, events) = file
        .prepare_cached("SELECT users, events FROM totals")?
        .query_row([], |row| Ok((whole(row, 0)?, whole(row, 1)?)))?;
    let rows = file
        .prepare_cached(
            "SELECT place.country, place.shown, state.shown, place.users, place.events
             FROM places AS place LEFT JOIN places AS state ON state.id = place.in_state
             WHERE place.level = ?1",
        )?
        .query_map([level(group_by)], |row| report_row(row, group_by))?
        .collect::<Result<_, _>>()?;
    Ok((users, events, rows))
}

/// Its cost follows the number of events between `from`, included, and `to`, not included.
fn span(file: &Connection, query: &ReportQuery) -> rusqlite::Result<Counts> {
    let from = query.from.unwrap_or(Timestamp::MIN).as_millis();
    // The last moment of all is in a span without an end.
    let to = query.to.map_or(i64::MAX, Timestamp::as_millis);
    let (users, events) = file
        .prepare_cached(
            "SELECT count(DISTINCT user), count(*) FROM events WHERE time_ms >= ?1 AND time_ms < ?2",
        )?
        .query_row([from, to], |row| Ok((whole(row, 0)?, whole(row, 1)?)))?;
    let group = match query.group_by {
        GroupBy::City => "city.id",
        GroupBy::State => "city.in_state",
        GroupBy::Country => "city.in_country",
    };
    let rows = file
        .prepare_cached(&format!(
            "WITH pairs AS (
               SELECT {group} AS place, event.user AS user, count(*) AS events
               FROM events AS event JOIN places AS city ON city.id = event.place
               WHERE event.time_ms >= ?1 AND event.time_ms < ?2
               GROUP BY 1, 2),
             counts AS (SELECT place, count(*) AS users, sum(events) AS events FROM pairs GROUP BY place)
             SELECT place.country, place.shown, state.shown, counts.users, counts.events
             FROM counts JOIN places AS place ON place.id = counts.place
             LEFT JOIN places AS state ON state.id = place.in_state"
        ))?
        .query_map(params![from, to], |row| report_row(row, query.group_by))?
        .collect::<Result<_, _>>()?;
    Ok((users, events, rows))
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

fn as_of(file: &Connection, topic: &str) -> rusqlite::Result<Vec<PartitionOffset>> {
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
