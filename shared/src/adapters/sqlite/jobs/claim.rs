//! Step 4: deliveries become claimed attempts, a batch in one relaxed write (P6, P7).

use std::collections::BTreeMap;

use rand::RngExt;
use rusqlite::{OptionalExtension, params};
use uuid::Uuid;

use super::fault::Fault;
use super::rows::{self, JobRow, TaskRow, WorkRow};
use super::tx::Tx;
use super::{staging, transition};
use crate::chance;
use crate::job::{JobId, JobRequest, JobTransition, Lease, TaskRef, TaskTransition, WorkerId};
use crate::ports::{Claimed, InputChunk};
use crate::time::Timestamp;

/// A first chunk up to this size is read with the claim; a larger one would hold up the other writers.
const AT_HAND_BYTES: i64 = 64 * 1024;
/// Attempts that are kept of each task: as many as a job shows.
const ATTEMPTS_KEPT: u32 = 10;

/// Claims what can be claimed.
pub(super) fn claim(tx: &Tx<'_>, tasks: &[TaskRef], worker: &WorkerId) -> Result<Vec<Claimed>, Fault> {
    let mut claimed = Vec::with_capacity(tasks.len());
    let mut moved = BTreeMap::<_, JobRow>::new();
    for named in tasks {
        let Some((job, task, work)) = rows::job_task_and_work(tx, *named)? else {
            continue;
        };
        // Another of its tasks may have moved it already.
        let mut job = moved.get(&job.seq).cloned().unwrap_or(job);
        if let Some(one) = claim_one(tx, *named, &mut job, &task, &work, worker)? {
            claimed.push(one);
            moved.insert(job.seq, job);
        }
    }
    for job in moved.values() {
        transition::touch(tx, job)?;
    }
    Ok(claimed)
}

fn claim_one(
    tx: &Tx<'_>,
    named: TaskRef,
    job: &mut JobRow,
    task: &TaskRow,
    work: &WorkRow,
    worker: &WorkerId,
) -> Result<Option<Claimed>, Fault> {
    let Some(to) = TaskTransition::Claim.apply(task.state, job.state) else {
        return Ok(None);
    };
    let lease = Lease {
        task: named,
        token: task.token + 1,
        nonce: chance::draw(|random| random.random()),
    };
    // A parked task, or one whose back-off has not ended, is not due.
    let won = tx.run(
        "UPDATE tasks SET state = ?3, token = ?4, nonce = ?5, lease_until_boot_ms = ?6, attempts = attempts + 1,
                alone = 0
         WHERE job = ?1 AND no = ?2 AND state = 'queued'
           AND (standing = 'sent' OR (standing = 'unsent' AND at_boot_ms <= ?7))",
        params![
            job.seq,
            task.no,
            to.as_str(),
            lease.token,
            lease.nonce,
            tx.boot_ms + tx.lease_ms,
            tx.boot_ms,
        ],
    )?;
    if won == 0 {
        return Ok(None);
    }
    begin_attempt(tx, job, task, worker)?;
    // What earlier attempts published was counted when they ended.
    job.publishes = false;
    job.started_ms = job.started_ms.or(Some(tx.wall.as_millis()));
    transition::move_job(tx, job, JobTransition::Start, &mut Vec::new())?;
    claimed(tx, task, work, lease).map(Some)
}

fn begin_attempt(tx: &Tx<'_>, job: &JobRow, task: &TaskRow, worker: &WorkerId) -> Result<(), Fault> {
    let attempt = task.attempts + 1;
    tx.run(
        "INSERT INTO attempts (job, task, n, worker, started_ms, revision)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![
            job.seq,
            task.no,
            attempt,
            worker.0,
            tx.wall.as_millis(),
            job.revision
        ],
    )?;
    if attempt > ATTEMPTS_KEPT {
        tx.run(
            "DELETE FROM attempts WHERE job = ?1 AND task = ?2 AND n <= ?3",
            params![job.seq, task.no, attempt - ATTEMPTS_KEPT],
        )?;
    }
    Ok(())
}

fn claimed(tx: &Tx<'_>, task: &TaskRow, work: &WorkRow, lease: Lease) -> Result<Claimed, Fault> {
    let request: JobRequest = rows::json("jobs.request", &work.request)?;
    let first_chunk = match &request {
        JobRequest::Submit(_) => {
            let mut read = tx.statement(staging::CHUNK)?;
            staging::chunk(&mut read, &work.input, task.no, 0, AT_HAND_BYTES)?
        }
        JobRequest::Report(_) | JobRequest::Cancel(_) | JobRequest::Retry(_) => None,
    };
    let parked = work.parked.as_deref();
    Ok(Claimed {
        lease,
        attempt: task.attempts + 1,
        deaths: task.deaths,
        request,
        root: JobId(Uuid::from_bytes(work.root)),
        created_at: Timestamp::from_millis(work.created_ms),
        events: work.events,
        published: work.published,
        first_chunk,
        parked: parked
            .map(|parked| rows::json("tasks.parked", parked))
            .transpose()?,
        trace: work.trace,
    })
}

/// P13: from now on a death counts against the task.
pub(super) fn run_alone(tx: &Tx<'_>, lease: Lease) -> Result<bool, Fault> {
    let noted = tx.run(
        "UPDATE tasks SET alone = 1
         WHERE job = (SELECT seq FROM jobs WHERE id = ?1) AND no = ?2
           AND state = 'leased' AND token = ?3 AND nonce = ?4",
        params![
            lease.task.job.as_bytes(),
            lease.task.task,
            lease.token,
            lease.nonce
        ],
    )?;
    Ok(noted > 0)
}

/// A chunk of a task's input, which its root may own.
pub(super) fn input(
    connection: &rusqlite::Connection,
    task: TaskRef,
    index: u32,
) -> Result<Option<InputChunk>, Fault> {
    let owner: Option<[u8; 16]> = connection
        .prepare_cached("SELECT input FROM jobs WHERE id = ?1")?
        .query_row([task.job.as_bytes()], |row| row.get(0))
        .optional()?;
    match owner {
        Some(owner) => {
            let mut read = connection.prepare_cached(staging::CHUNK)?;
            staging::chunk(&mut read, &owner, task.task, index, i64::MAX)
        }
        None => Ok(None),
    }
}
