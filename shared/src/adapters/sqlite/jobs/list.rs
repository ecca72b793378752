//! Step 8, lists: newest accepted first, each kind and state from its own index range.

use rusqlite::{Connection, named_params};

use super::fault::Fault;
use super::{read, report};
use crate::job::{JobFilter, JobKind, JobState};
use crate::ports::JobPage;
use crate::time::Timestamp;

/// One page of the list.
pub(super) fn page(
    connection: &Connection,
    filter: &JobFilter,
    before: Option<i64>,
    limit: usize,
) -> Result<JobPage, Fault> {
    let Some(source) = source(filter) else {
        return Ok(JobPage::default());
    };
    let columns = read::COLUMNS;
    let sql = format!("SELECT {columns} FROM jobs WHERE seq IN ({source}) ORDER BY seq DESC LIMIT :limit");
    // One more than asked for tells whether older ones follow.
    let limit_and_one = i64::try_from(limit).unwrap_or(i64::MAX - 1) + 1;
    let mut statement = connection.prepare_cached(&sql)?;
    let mut found = statement.query(named_params! {
        ":before": before.unwrap_or(i64::MAX),
        ":from": filter.created_from.map_or(i64::MIN, Timestamp::as_millis),
        ":to": filter.created_to.map_or(i64::MAX, Timestamp::as_millis),
        ":limit": limit_and_one,
    })?;
    let mut jobs = Vec::new();
    while let Some(row) = found.next()? {
        let mut job = read::head(row)?;
        if job.request.kind() == JobKind::Report {
            job.report = report::read(connection, job.seq, 0)?;
        }
        jobs.push(job);
    }
    let more = jobs.len() > limit;
    jobs.truncate(limit);
    Ok(JobPage { jobs, more })
}

/// The query for the places of the wanted jobs; `None` when the filter finds nothing whatever is stored.
fn source(filter: &JobFilter) -> Option<String> {
    const RANGE: &str = "seq < :before AND created_ms >= :from AND created_ms < :to
                         ORDER BY seq DESC LIMIT :limit";
    if filter.kinds.is_empty() && filter.states.is_empty() {
        return Some(format!("SELECT seq FROM jobs WHERE {RANGE}"));
    }
    let kinds: Vec<JobKind> = JobKind::ALL
        .into_iter()
        .filter(|kind| filter.kinds.is_empty() || filter.kinds.iter().any(|name| name == kind.as_str()))
        .collect();
    let states: Vec<JobState> = JobState::ALL
        .into_iter()
        .filter(|state| filter.states.is_empty() || filter.states.contains(state))
        .collect();
    // The names are the domain's own constants; nothing of the caller is in the text.
    let ranges: Vec<String> = kinds
        .iter()
        .flat_map(|kind| states.iter().map(move |state| (kind, state)))
        .map(|(kind, state)| {
            format!(
                "SELECT seq FROM (SELECT seq FROM jobs WHERE kind = '{kind}' AND state = '{state}' AND {RANGE})"
            )
        })
        .collect();
    (!ranges.is_empty()).then(|| ranges.join(" UNION ALL "))
}
