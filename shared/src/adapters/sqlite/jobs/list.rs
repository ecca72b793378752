//! Step 8, lists: newest accepted first, each kind and state from its own index range.

use rusqlite::{Connection, ToSql};

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
    let sql = format!("SELECT {columns} FROM jobs WHERE seq IN ({source}) ORDER BY seq DESC LIMIT ?4");
    // One more than asked for tells whether older ones follow.
    let limit_and_one = i64::try_from(limit).unwrap_or(i64::MAX - 1) + 1;
    let mut statement = connection.prepare_cached(&sql)?;
    let before = before.unwrap_or(i64::MAX);
    let from = filter.created_from.map_or(i64::MIN, Timestamp::as_millis);
    let to = filter.created_to.map_or(i64::MAX, Timestamp::as_millis);
    let mut params: Vec<&dyn ToSql> = vec![&before, &from, &to, &limit_and_one];
    for label in &filter.labels {
        params.extend([&label.key as &dyn ToSql, &label.value]);
    }
    let mut found = statement.query(&params[..])?;
    let mut jobs = Vec::new();
    while let Some(row) = found.next()? {
        let mut job = read::head(row)?;
        if job.request.kind() == JobKind::Report {
            job.report = report::of(connection, &job, 0)?;
        }
        jobs.push(job);
    }
    let more = jobs.len() > limit;
    jobs.truncate(limit);
    Ok(JobPage { jobs, more })
}

/// The query for the places of the wanted jobs; `None` when the filter finds nothing whatever is stored. The names
/// in it are the domain's own constants; nothing of the caller is in the text.
fn source(filter: &JobFilter) -> Option<String> {
    let kinds: Vec<JobKind> = JobKind::ALL
        .into_iter()
        .filter(|kind| filter.kinds.is_empty() || filter.kinds.iter().any(|name| name == kind.as_str()))
        .collect();
    let states: Vec<JobState> = JobState::ALL
        .into_iter()
        .filter(|state| filter.states.is_empty() || filter.states.contains(state))
        .collect();
    if kinds.is_empty() {
        return None;
    }
    if !filter.labels.is_empty() {
        return Some(by_labels(filter.labels.len(), &kinds, &states));
    }
    if filter.kinds.is_empty() && filter.states.is_empty() {
        return Some(format!("SELECT seq FROM jobs WHERE {RANGE}"));
    }
    let ranges: Vec<String> = kinds
        .iter()
        .flat_map(|kind| states.iter().map(move |state| (kind, state)))
        .map(|(kind, state)| {
            format!(
                "SELECT seq FROM (SELECT seq FROM jobs WHERE kind = '{kind}' AND state = '{state}' AND {RANGE})"
            )
        })
        .collect();
    Some(ranges.join(" UNION ALL "))
}

const RANGE: &str = "seq < ?1 AND created_ms >= ?2 AND created_ms < ?3 ORDER BY seq DESC LIMIT ?4";

/// Walks the jobs of the first label, newest first, and looks at each for the rest.
fn by_labels(labels: usize, kinds: &[JobKind], states: &[JobState]) -> String {
    let names = |names: Vec<&str>| format!("'{}'", names.join("', '"));
    let kinds = names(kinds.iter().map(|kind| kind.as_str()).collect());
    let states = names(states.iter().map(|state| state.as_str()).collect());
    let others: String = (1..labels)
        .map(|label| {
            let (key, value) = (5 + label * 2, 6 + label * 2);
            format!(
                " AND EXISTS (SELECT 1 FROM job_labels WHERE key = ?{key} AND value = ?{value} AND job = jobs.seq)"
            )
        })
        .collect();
    format!(
        "SELECT jobs.seq FROM job_labels JOIN jobs ON jobs.seq = job_labels.job
         WHERE job_labels.key = ?5 AND job_labels.value = ?6 AND job_labels.job < ?1
           AND created_ms >= ?2 AND created_ms < ?3
           AND kind IN ({kinds}) AND state IN ({states}){others}
         ORDER BY job_labels.job DESC LIMIT ?4"
    )
}
