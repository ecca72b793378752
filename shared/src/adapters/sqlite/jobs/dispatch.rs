//! Step 3: tasks that are due are read, marked as sent, and sent again where a wake-up seems lost (P5, P6).

use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{Connection, named_params};

use super::{Fault, JobStore, Write};
use crate::job::{JobId, QueueName, TaskRef};
use crate::ports::{DispatchStore, DueTask, StoreError};

/// Sent and unclaimed tasks of one queue (P5).
const WINDOW: u64 = 10_000;
/// How long a wake-up may be under way when its queue is found empty (P5).
const QUIET_MS: i64 = 2_000;
/// When a task is sent again without further evidence; doubles each time (P5).
const RESEND_MS: i64 = 60_000;
/// The delay doubles at most this often: about seventeen hours.
const RESEND_DOUBLINGS: i64 = 10;

#[async_trait]
impl DispatchStore for JobStore {
    async fn due(
        &self,
        queue: QueueName,
        limit: usize,
        min_age: Duration,
    ) -> Result<Vec<DueTask>, StoreError> {
        let min_age_ms = i64::try_from(min_age.as_millis()).unwrap_or(i64::MAX);
        let due_by_boot_ms = self.inner.clock.boot_ms().saturating_sub(min_age_ms);
        self.read("due tasks", move |connection| {
            let room = WINDOW.saturating_sub(sent(connection, queue)?);
            due(connection, queue, due_by_boot_ms, room.min(limit as u64))
        })
        .await
    }

    async fn mark_sent(&self, tasks: Vec<DueTask>) -> Result<u64, StoreError> {
        self.write(Write::relaxed("mark sent"), move |connection, now| {
            let mut mark = connection.prepare_cached(
                "UPDATE tasks SET sent_boot_ms = ?4, sends = sends + 1
                 WHERE job = (SELECT seq FROM jobs WHERE id = ?1) AND task = ?2
                   AND state = 'queued' AND dispatch_no = ?3 AND sent_boot_ms IS NULL",
            )?;
            let mut marked = 0;
            for due in &tasks {
                let row = (
                    due.task.job.as_bytes(),
                    due.task.task,
                    due.dispatch_no,
                    now.boot_ms,
                );
                marked += mark.execute(row)? as u64;
            }
            Ok(marked)
        })
        .await
    }

    async fn resend(&self, queue: QueueName, found_empty: bool) -> Result<u64, StoreError> {
        self.write(Write::relaxed("resend"), move |connection, now| {
            let changed = connection
                .prepare_cached(
                    "UPDATE tasks SET sent_boot_ms = NULL
                     WHERE queue = :queue AND state = 'queued' AND sent_boot_ms IS NOT NULL
                       AND sent_boot_ms + CASE WHEN :empty THEN :quiet
                            ELSE :delay << min(max(sends - 1, 0), :doublings) END <= :now",
                )?
                .execute(named_params! {
                    ":queue": queue.as_str(), ":empty": found_empty, ":quiet": QUIET_MS,
                    ":delay": RESEND_MS, ":doublings": RESEND_DOUBLINGS, ":now": now.boot_ms,
                })?;
            Ok(changed as u64)
        })
        .await
    }

    async fn next_due(&self, queue: QueueName) -> Result<Option<Duration>, StoreError> {
        let now_boot_ms = self.inner.clock.boot_ms();
        self.read("next due", move |connection| {
            let due: Option<i64> = connection
                .prepare_cached(
                    "SELECT min(due_boot_ms) FROM tasks
                     WHERE queue = ?1 AND state = 'queued' AND sent_boot_ms IS NULL AND parked_on IS NULL",
                )?
                .query_row([queue.as_str()], |row| row.get(0))?;
            Ok(due.map(|due| Duration::from_millis(due.saturating_sub(now_boot_ms).max(0).unsigned_abs())))
        })
        .await
    }

    async fn outstanding(&self, queue: QueueName) -> Result<u64, StoreError> {
        self.read("outstanding", move |connection| sent(connection, queue))
            .await
    }
}

/// Bounded by the window, so counting is cheap.
fn sent(connection: &Connection, queue: QueueName) -> Result<u64, Fault> {
    let sent: i64 = connection
        .prepare_cached(
            "SELECT count(*) FROM tasks WHERE queue = ?1 AND state = 'queued' AND sent_boot_ms IS NOT NULL",
        )?
        .query_row([queue.as_str()], |row| row.get(0))?;
    Ok(sent.unsigned_abs())
}

fn due(
    connection: &Connection,
    queue: QueueName,
    due_by_boot_ms: i64,
    limit: u64,
) -> Result<Vec<DueTask>, Fault> {
    let mut select = connection.prepare_cached(
        "SELECT jobs.id, tasks.task, tasks.dispatch_no, jobs.trace
         FROM tasks JOIN jobs ON jobs.seq = tasks.job
         WHERE tasks.queue = ?1 AND tasks.state = 'queued' AND tasks.sent_boot_ms IS NULL
           AND tasks.parked_on IS NULL AND tasks.due_boot_ms <= ?2
         ORDER BY tasks.due_boot_ms LIMIT ?3",
    )?;
    let rows = select.query_map((queue.as_str(), due_by_boot_ms, limit.cast_signed()), |row| {
        Ok((
            row.get::<_, [u8; 16]>(0)?,
            row.get(1)?,
            row.get(2)?,
            row.get::<_, String>(3)?,
        ))
    })?;
    rows.map(|row| {
        let (id, task, dispatch_no, trace) = row?;
        let task = TaskRef {
            job: JobId(uuid::Uuid::from_bytes(id)),
            task,
        };
        let trace = trace
            .parse()
            .map_err(|_| Fault::Corrupt(format!("the trace of task {task}")))?;
        Ok(DueTask {
            task,
            dispatch_no,
            trace,
        })
    })
    .collect()
}
