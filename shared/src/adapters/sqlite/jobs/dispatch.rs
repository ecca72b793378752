//! Step 3: what waits to be sent, within each queue's window, and what was sent (P5, P6).

use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{Connection, params};
use uuid::Uuid;

use super::JobStore;
use super::fault::Fault;
use super::options::millis;
use super::rows::{self, count};
use super::tx::Tx;
use crate::adapters::sqlite::Write;
use crate::job::{JobId, QueueName, TaskRef};
use crate::mutant::{self, Mutant};
use crate::ports::{DispatchStore, DueTask, DueTasks, StoreError, Whose};

/// P5: sent and unclaimed tasks of one queue.
pub(super) const WINDOW: u64 = 10_000;
/// A wake-up is sent again after this long, doubling with each time.
const RESEND_MS: i64 = 60_000;
/// The delay doubles up to 64 times of it: about an hour.
const RESEND_DOUBLINGS: u32 = 6;
/// A wake-up in a queue that is empty was lost, if it was sent before this.
const QUIET_MS: i64 = 2_000;

#[async_trait]
impl DispatchStore for JobStore {
    async fn due(&self, queue: QueueName, limit: usize, whose: Whose) -> Result<DueTasks, StoreError> {
        let now = self.clock().boot_ms();
        let due_before = match whose {
            Whose::Ours => now,
            Whose::LeftBehind(age) => now.saturating_sub(millis(age)),
        };
        let window = self.window();
        self.read("due", move |connection| {
            let mut sent = 0;
            for counted in QueueName::ALL {
                if counted == queue || mutant::on(Mutant::OneWindow) {
                    sent += outstanding(connection, counted)?;
                }
            }
            let room = match (whose, window.saturating_sub(sent)) {
                // Two processes that fill one window send the same tasks.
                (Whose::LeftBehind(_), room) if room < window / 2 => 0,
                (Whose::Ours | Whose::LeftBehind(_), room) => room,
            };
            let limit = limit.min(usize::try_from(room).unwrap_or(usize::MAX));
            due(connection, queue, limit, due_before)
        })
        .await
    }

    async fn mark_sent(&self, sent: Vec<DueTask>) -> Result<u64, StoreError> {
        if sent.is_empty() {
            return Ok(0);
        }
        self.write(Write::relaxed("mark_sent"), move |tx| mark_sent(tx, &sent))
            .await
    }

    async fn resend(&self, queue: QueueName, found_empty: bool) -> Result<u64, StoreError> {
        self.write(Write::relaxed("resend"), move |tx| resend(tx, queue, found_empty))
            .await
    }

    async fn next_due(&self, queue: QueueName) -> Result<Option<Duration>, StoreError> {
        let now = self.clock().boot_ms();
        self.read("next_due", move |connection| {
            let next: Option<i64> = connection
                .prepare_cached(
                    "SELECT min(at_boot_ms) FROM tasks
                     WHERE state = 'queued' AND queue = ?1 AND standing = 'unsent' AND at_boot_ms > ?2",
                )?
                .query_row(params![queue.as_str(), now], |row| row.get(0))?;
            Ok(next.map(|next| Duration::from_millis(count(next - now))))
        })
        .await
    }

    async fn outstanding(&self, queue: QueueName) -> Result<u64, StoreError> {
        self.read("outstanding", move |connection| outstanding(connection, queue))
            .await
    }
}

fn outstanding(connection: &Connection, queue: QueueName) -> Result<u64, Fault> {
    let sent: i64 = connection
        .prepare_cached(
            "SELECT count(*) FROM tasks WHERE state = 'queued' AND queue = ?1 AND standing = 'sent'",
        )?
        .query_row([queue.as_str()], |row| row.get(0))?;
    Ok(count(sent))
}

fn due(connection: &Connection, queue: QueueName, limit: usize, due_before: i64) -> Result<DueTasks, Fault> {
    let mut statement = connection.prepare_cached(
        "SELECT jobs.id, tasks.no, tasks.dispatch_no, jobs.trace
         FROM tasks JOIN jobs ON jobs.seq = tasks.job
         WHERE tasks.state = 'queued' AND tasks.queue = ?1 AND tasks.standing = 'unsent'
           AND tasks.at_boot_ms <= ?2
         ORDER BY tasks.at_boot_ms, tasks.job, tasks.no LIMIT ?3",
    )?;
    // One beyond the limit tells whether there are more.
    let read = i64::try_from(limit.saturating_add(1)).unwrap_or(i64::MAX);
    let mut found = statement.query(params![queue.as_str(), due_before, read])?;
    let mut tasks = Vec::new();
    while let Some(row) = found.next()? {
        if tasks.len() == limit {
            return Ok(DueTasks { tasks, more: true });
        }
        tasks.push(DueTask {
            task: TaskRef {
                job: JobId(Uuid::from_bytes(row.get(0)?)),
                task: row.get(1)?,
            },
            dispatch_no: row.get(2)?,
            trace: rows::trace(&row.get::<_, String>(3)?),
        });
    }
    Ok(DueTasks { tasks, more: false })
}

/// P6: a claim or another return to `queued` may have overtaken the mark.
fn mark_sent(tx: &Tx<'_>, sent: &[DueTask]) -> Result<u64, Fault> {
    let mut statement = tx.statement(
        "UPDATE tasks SET standing = 'sent', at_boot_ms = ?4
         WHERE job = (SELECT seq FROM jobs WHERE id = ?1) AND no = ?2
           AND state = 'queued' AND dispatch_no = ?3",
    )?;
    let mut marked = 0;
    for due in sent {
        let task = due.task;
        marked += statement.execute(params![
            task.job.as_bytes(),
            task.task,
            due.dispatch_no,
            tx.boot_ms,
        ])?;
    }
    Ok(marked as u64)
}

fn resend(tx: &Tx<'_>, queue: QueueName, found_empty: bool) -> Result<u64, Fault> {
    let quiet_ms = if found_empty { QUIET_MS } else { RESEND_MS };
    let resent = tx.run(
        "UPDATE tasks SET standing = 'unsent', at_boot_ms = ?2, dispatch_no = dispatch_no + 1,
                resends = resends + 1
         WHERE state = 'queued' AND queue = ?1 AND standing = 'sent' AND at_boot_ms <= ?3
           AND (?4 OR at_boot_ms + (?5 << min(resends, ?6)) <= ?2)",
        params![
            queue.as_str(),
            tx.boot_ms,
            tx.boot_ms - quiet_ms,
            found_empty,
            RESEND_MS,
            RESEND_DOUBLINGS,
        ],
    )?;
    Ok(resent as u64)
}
