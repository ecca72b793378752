//! A report, read in one snapshot: from counters, or with `from` and `to` from the events of the range.

use rusqlite::{Connection, Row, named_params};

use super::{Fault, position};
use crate::job::{GroupBy, PartitionOffset, Report, ReportRow};
use crate::ports::ReportQuery;
use crate::time::Timestamp;

/// The most frequent spelling, of equals the smallest by code points: BINARY compares UTF-8 as bytes.
const STATE: &str = "(SELECT text FROM region_spellings WHERE region_spellings.region = regions.id
    ORDER BY region_spellings.events DESC, text LIMIT 1)";
const CITY: &str = "(SELECT text FROM place_spellings WHERE place_spellings.place = places.id
    ORDER BY place_spellings.events DESC, text LIMIT 1)";

/// The report of a query.
pub(super) fn report(connection: &Connection, query: &ReportQuery) -> Result<Report, Fault> {
    let positions = position::all(connection)?;
    let (users, events, mut rows) = match (query.from, query.to) {
        (None, None) => counted(connection, query.group_by)?,
        (from, to) => scanned(connection, query.group_by, from, to)?,
    };
    Report::sort_rows(&mut rows);
    // Positions and quarantine are of the same snapshot: whatever is in quarantine lies below `as_of`.
    let quarantined: i64 = connection.query_row("SELECT count(*) FROM quarantine", [], |row| row.get(0))?;
    let as_of = positions.into_iter().map(|position| PartitionOffset {
        topic: query.topic.clone(),
        partition: position.partition,
        next_offset: position.next_offset,
    });
    Ok(Report {
        group_by: query.group_by,
        generated_at: query.generated_at,
        users,
        events,
        rows_total: rows.len() as u64,
        quarantined: quarantined.unsigned_abs(),
        as_of: as_of.collect(),
        rows,
    })
}

/// From counters: the cost does not grow with history.
fn counted(connection: &Connection, group_by: GroupBy) -> Result<(u64, u64, Vec<ReportRow>), Fault> {
    let (users, events): (i64, i64) =
        connection.query_row("SELECT users, events FROM totals", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    let sql = match group_by {
        GroupBy::City => format!(
            "SELECT countries.country, {STATE}, {CITY}, places.users, places.events
             FROM places JOIN regions ON regions.id = places.region
                         JOIN countries ON countries.id = regions.country"
        ),
        GroupBy::State => format!(
            "SELECT countries.country, {STATE}, NULL, regions.users, regions.events
             FROM regions JOIN countries ON countries.id = regions.country"
        ),
        GroupBy::Country => "SELECT country, NULL, NULL, users, events FROM countries".to_owned(),
    };
    let rows = connection
        .prepare_cached(&sql)?
        .query_map([], row)?
        .collect::<Result<_, _>>()?;
    Ok((users.unsigned_abs(), events.unsigned_abs(), rows))
}

/// From the events of the range: the cost follows the range.
fn scanned(
    connection: &Connection,
    group_by: GroupBy,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
) -> Result<(u64, u64, Vec<ReportRow>), Fault> {
    let from_ms = from.map_or(i64::MIN, Timestamp::as_millis);
    let to_ms = to.map_or(i64::MAX, Timestamp::as_millis);
    let range = named_params! { ":from": from_ms, ":to": to_ms };
    let (users, events): (i64, i64) = connection
        .prepare_cached(
            "SELECT count(DISTINCT user), count(*) FROM events WHERE time_ms >= :from AND time_ms < :to",
        )?
        .query_row(range, |row| Ok((row.get(0)?, row.get(1)?)))?;
    let (columns, group) = match group_by {
        GroupBy::City => (format!("countries.country, {STATE}, {CITY}"), "places.id"),
        GroupBy::State => (format!("countries.country, {STATE}, NULL"), "regions.id"),
        GroupBy::Country => ("countries.country, NULL, NULL".to_owned(), "countries.id"),
    };
    let sql = format!(
        "SELECT {columns}, count(DISTINCT events.user), count(*)
         FROM events JOIN places ON places.id = events.place
                     JOIN regions ON regions.id = places.region
                     JOIN countries ON countries.id = regions.country
         WHERE events.time_ms >= :from AND events.time_ms < :to GROUP BY {group}"
    );
    let rows = connection
        .prepare_cached(&sql)?
        .query_map(range, row)?
        .collect::<Result<_, _>>()?;
    Ok((users.unsigned_abs(), events.unsigned_abs(), rows))
}

fn row(row: &Row<'_>) -> rusqlite::Result<ReportRow> {
    Ok(ReportRow {
        country: row.get(0)?,
        state: row.get(1)?,
        city: row.get(2)?,
        users: row.get::<_, i64>(3)?.unsigned_abs(),
        events: row.get::<_, i64>(4)?.unsigned_abs(),
    })
}
