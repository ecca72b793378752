//! Between rows of the job store and types of the domain.

use rusqlite::{OptionalExtension, Params, Row, params};
use uuid::Uuid;

use super::fault::Fault;
use super::tx::Tx;
use crate::job::{JobError, JobId, JobKind, JobState, QueueName, TaskRef, TaskState};
use crate::wire::TraceContext;

/// What a transition needs to know of a job, and changes of it; `transition::touch` writes what it has become.
#[derive(Clone, Debug)]
pub(super) struct JobRow {
    pub(super) seq: i64,
    pub(super) id: JobId,
    pub(super) kind: JobKind,
    pub(super) state: JobState,
    pub(super) revision: i64,
    pub(super) started_ms: Option<i64>,
    pub(super) open_tasks: u32,
    pub(super) succeeded: u32,
    pub(super) failed: u32,
    pub(super) rejects: bool,
    /// Whether its tasks may have published more than it shows.
    pub(super) publishes: bool,
    /// The first error of a task that has ended since the row was read.
    pub(super) error: Option<JobError>,
}

/// What a transition needs to know of a task.
#[derive(Clone, Debug)]
pub(super) struct TaskRow {
    pub(super) no: u32,
    pub(super) queue: QueueName,
    pub(super) state: TaskState,
    pub(super) token: i64,
    pub(super) nonce: Option<i64>,
    pub(super) attempts: u32,
    pub(super) failures: u32,
    pub(super) deaths: u32,
    pub(super) alone: bool,
}

/// What an attempt needs to know beside its job and its task.
#[derive(Clone, Debug)]
pub(super) struct WorkRow {
    pub(super) request: String,
    pub(super) root: [u8; 16],
    pub(super) created_ms: i64,
    /// Who owns the chunks of its input.
    pub(super) input: [u8; 16],
    pub(super) trace: TraceContext,
    pub(super) events: u64,
    pub(super) published: u64,
    pub(super) parked: Option<String>,
}

/// The columns of a [`JobRow`].
macro_rules! job {
    () => {
        "jobs.seq, jobs.id, jobs.kind, jobs.state, jobs.revision, jobs.started_ms, jobs.open_tasks, \
         jobs.succeeded_tasks, jobs.failed_tasks, jobs.rejected"
    };
}

/// Those of a [`TaskRow`], which stand behind those of its job.
macro_rules! task {
    () => {
        "tasks.no, tasks.queue, tasks.state, tasks.token, tasks.nonce, tasks.attempts, tasks.failures, \
         tasks.deaths, tasks.alone"
    };
}

/// Those of a [`WorkRow`], which stand behind those of the task.
macro_rules! work {
    () => {
        "jobs.request, jobs.root, jobs.created_ms, jobs.input, jobs.trace, tasks.events, tasks.published, tasks.parked"
    };
}

/// The second parameter is the task's number, the first names its job.
macro_rules! from_joined {
    () => {
        " FROM jobs JOIN tasks ON tasks.job = jobs.seq AND tasks.no = ?2 WHERE "
    };
}

pub(super) fn job_by_id(tx: &Tx<'_>, id: JobId) -> Result<Option<JobRow>, Fault> {
    tx.statement(concat!("SELECT ", job!(), " FROM jobs WHERE id = ?1"))?
        .query_row([id.as_bytes()], |row| Ok(job_row(row)))
        .optional()?
        .transpose()
}

pub(super) fn job_by_seq(tx: &Tx<'_>, seq: i64) -> Result<JobRow, Fault> {
    tx.statement(concat!("SELECT ", job!(), " FROM jobs WHERE seq = ?1"))?
        .query_row([seq], |row| Ok(job_row(row)))?
}

fn job_row(row: &Row<'_>) -> Result<JobRow, Fault> {
    Ok(JobRow {
        seq: row.get(0)?,
        id: id(row, 1)?,
        kind: kind(text(row, 2)?)?,
        state: job_state(text(row, 3)?)?,
        revision: row.get(4)?,
        started_ms: row.get(5)?,
        open_tasks: row.get(6)?,
        succeeded: row.get(7)?,
        failed: row.get(8)?,
        rejects: row.get::<_, i64>(9)? > 0,
        publishes: true,
        error: None,
    })
}

fn id(row: &Row<'_>, column: usize) -> Result<JobId, Fault> {
    let bytes = row.get_ref(column)?.as_blob().ok();
    let id = bytes.and_then(|bytes| Uuid::from_slice(bytes).ok());
    id.map(JobId)
        .ok_or_else(|| Fault::corrupt("jobs.id", "its bytes"))
}

fn task_row(row: &Row<'_>) -> Result<TaskRow, Fault> {
    Ok(TaskRow {
        no: row.get(10)?,
        queue: queue(text(row, 11)?)?,
        state: task_state(text(row, 12)?)?,
        token: row.get(13)?,
        nonce: row.get(14)?,
        attempts: row.get(15)?,
        failures: row.get(16)?,
        deaths: row.get(17)?,
        alone: row.get(18)?,
    })
}

fn work_row(row: &Row<'_>) -> Result<WorkRow, Fault> {
    Ok(WorkRow {
        request: text(row, 19)?.to_owned(),
        root: row.get(20)?,
        created_ms: row.get(21)?,
        input: row.get(22)?,
        trace: trace(text(row, 23)?),
        events: count(row.get(24)?),
        published: count(row.get(25)?),
        parked: row.get(26)?,
    })
}

pub(super) fn text<'a>(row: &'a Row<'_>, column: usize) -> Result<&'a str, Fault> {
    let text = row.get_ref(column)?.as_str();
    text.map_err(|fault| Fault::corrupt("a name", fault))
}

/// A task with its job.
pub(super) fn job_and_task(tx: &Tx<'_>, named: TaskRef) -> Result<Option<(JobRow, TaskRow)>, Fault> {
    joined(
        tx,
        concat!("SELECT ", job!(), ", ", task!(), from_joined!(), "jobs.id = ?1"),
        params![named.job.as_bytes(), named.task],
        |row| Ok((job_row(row)?, task_row(row)?)),
    )
}

/// A task with its job, and what an attempt at it needs.
pub(super) fn job_task_and_work(
    tx: &Tx<'_>,
    named: TaskRef,
) -> Result<Option<(JobRow, TaskRow, WorkRow)>, Fault> {
    joined(
        tx,
        concat!(
            "SELECT ",
            job!(),
            ", ",
            task!(),
            ", ",
            work!(),
            from_joined!(),
            "jobs.id = ?1"
        ),
        params![named.job.as_bytes(), named.task],
        |row| Ok((job_row(row)?, task_row(row)?, work_row(row)?)),
    )
}

fn joined<T>(
    tx: &Tx<'_>,
    sql: &'static str,
    named: impl Params,
    read: impl FnOnce(&Row<'_>) -> Result<T, Fault>,
) -> Result<Option<T>, Fault> {
    tx.statement(sql)?
        .query_row(named, |row| Ok(read(row)))
        .optional()?
        .transpose()
}

pub(super) fn kind(name: &str) -> Result<JobKind, Fault> {
    JobKind::from_name(name).ok_or_else(|| Fault::corrupt("jobs.kind", name))
}

pub(super) fn job_state(name: &str) -> Result<JobState, Fault> {
    JobState::from_name(name).ok_or_else(|| Fault::corrupt("jobs.state", name))
}

pub(super) fn task_state(name: &str) -> Result<TaskState, Fault> {
    TaskState::ALL
        .into_iter()
        .find(|state| state.as_str() == name)
        .ok_or_else(|| Fault::corrupt("tasks.state", name))
}

pub(super) fn queue(name: &str) -> Result<QueueName, Fault> {
    QueueName::ALL
        .into_iter()
        .find(|queue| queue.as_str() == name)
        .ok_or_else(|| Fault::corrupt("tasks.queue", name))
}

/// A count as SQLite keeps it.
pub(super) fn int(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A count as SQLite kept it.
pub(super) fn count(stored: i64) -> u64 {
    u64::try_from(stored).unwrap_or(0)
}

/// A JSON text that this program wrote.
pub(super) fn json<T: serde::de::DeserializeOwned>(place: &str, text: &str) -> Result<T, Fault> {
    serde_json::from_str(text).map_err(|error| Fault::corrupt(place, error))
}

/// The JSON text of a value of the domain.
pub(super) fn to_json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("values of the domain have string keys and no failing members")
}

/// A trace that an accept stored. One that cannot be read holds up no work: a new one begins.
pub(super) fn trace(text: &str) -> TraceContext {
    text.parse().unwrap_or_else(|_| TraceContext::generate())
}

/// A task with its job, by the job's place; `None` when either is gone or cannot be read.
pub(super) fn readable_job_and_task(
    tx: &Tx<'_>,
    operation: &'static str,
    (job, no): (i64, u32),
) -> Result<Option<(JobRow, TaskRow)>, Fault> {
    let read = joined(
        tx,
        concat!("SELECT ", job!(), ", ", task!(), from_joined!(), "jobs.seq = ?1"),
        params![job, no],
        |row| Ok((job_row(row)?, task_row(row)?)),
    );
    Ok(readable(operation, read)?.flatten())
}

/// What was read, unless it cannot be: a row that a disk has spoilt must not keep the others from their turn.
pub(super) fn readable<T>(operation: &'static str, read: Result<T, Fault>) -> Result<Option<T>, Fault> {
    match read {
        Ok(value) => Ok(Some(value)),
        Err(Fault::Corrupt(what)) => {
            tracing::error!(
                operation,
                what,
                "a row of the job store cannot be read and is left out"
            );
            metrics::counter!("census_store_unreadable_rows_total", "operation" => operation).increment(1);
            Ok(None)
        }
        Err(fault) => Err(fault),
    }
}
