//! What repairs: lapsed leases, parked reports, deadlines.

use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension};

use super::finish::{Exit, Return, Woke, end_attempt, leave_for_good, leave_for_now};
use super::moves::{TaskEnd, changed, end_open_task, expire_task, job_row, queue_name, task_state};
use super::{Fault, JobStore, Now, Write};
use crate::job::{JobError, JobId, Lease, TaskRef, TaskTransition, WorkerId};
use crate::ports::{Parked, PartitionEnd, RescueStore, Rescued, RescuerLease, StoreError};

/// Reports that one round fails.
const EXPIRE_MAX: i64 = 1_000;

#[async_trait]
impl RescueStore for JobStore {
    async fn hold_rescuer(
        &self,
        worker: &WorkerId,
        ttl: Duration,
    ) -> Result<Option<RescuerLease>, StoreError> {
        let worker = worker.0.clone();
        let ttl_ms = i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX);
        self.write(
            Write::relaxed("hold the rescuer").first(),
            move |connection, now| {
                let before: Option<String> = connection
                    .prepare_cached("SELECT worker FROM duties WHERE name = 'rescuer'")?
                    .query_row([], |row| row.get(0))
                    .optional()?;
                let held = connection
                    .prepare_cached(
                        "INSERT INTO duties VALUES ('rescuer', ?1, ?2) ON CONFLICT (name) DO UPDATE
                        SET worker = excluded.worker, until_boot_ms = excluded.until_boot_ms
                        WHERE worker = excluded.worker OR until_boot_ms < ?3",
                    )?
                    .execute((&worker, now.boot_ms.saturating_add(ttl_ms), now.boot_ms))?;
                let taken_over = before.is_some_and(|before| before != worker);
                Ok((held == 1).then_some(RescuerLease { taken_over }))
            },
        )
        .await
    }

    async fn rescue_lapsed(&self, limit: usize) -> Result<Rescued, StoreError> {
        let now_boot_ms = self.inner.clock.boot_ms();
        // Most rounds find nothing, and shall not cost a flush.
        let any = self.read("lapsed", move |connection| {
            Ok(!lapsed(connection, now_boot_ms, 1)?.is_empty())
        });
        if !any.await? {
            return Ok(Rescued::default());
        }
        self.write(Write::flushed("rescue"), move |connection, now| {
            let held = lapsed(connection, now.boot_ms, limit)?;
            take_back(
                connection,
                now,
                held,
                "its worker gave no sign of life for a whole lease",
            )
        })
        .await
    }

    async fn void_leases(&self) -> Result<Rescued, StoreError> {
        self.write(Write::flushed("void leases"), |connection, now| {
            // P10: in `embedded` no holder survives the process.
            let held = lapsed(connection, i64::MAX, usize::MAX)?;
            take_back(connection, now, held, "the process was started again")
        })
        .await
    }

    async fn parked(&self) -> Result<Vec<(TaskRef, Vec<PartitionEnd>)>, StoreError> {
        self.read("parked", |connection| {
            let mut select = connection.prepare_cached(
                "SELECT jobs.id, tasks.task, tasks.parked FROM tasks JOIN jobs ON jobs.seq = tasks.job
                 WHERE tasks.state = 'queued' AND tasks.parked_on IS NOT NULL
                   AND tasks.parked_on = 'bound_reached'",
            )?;
            let rows = select.query_map([], |row| {
                let job = JobId(uuid::Uuid::from_bytes(row.get(0)?));
                Ok((
                    TaskRef {
                        job,
                        task: row.get(1)?,
                    },
                    row.get::<_, Option<String>>(2)?,
                ))
            })?;
            rows.map(|row| {
                let (task, parked) = row?;
                let parked: Parked = parked
                    .as_deref()
                    .map(serde_json::from_str)
                    .transpose()?
                    .unwrap_or_default();
                Ok((task, parked.bound.unwrap_or_default()))
            })
            .collect()
        })
        .await
    }

    async fn wake(&self, tasks: Vec<TaskRef>) -> Result<Rescued, StoreError> {
        self.write(Write::relaxed("wake"), move |connection, now| {
            let mut woke = Woke::new();
            let mut rescued = Rescued::default();
            for task in tasks {
                let queue: Option<String> = connection
                    .prepare_cached(
                        "UPDATE tasks SET parked_on = NULL, due_boot_ms = ?3, dispatch_no = dispatch_no + 1,
                            sent_boot_ms = NULL, sends = 0
                         WHERE job = (SELECT seq FROM jobs WHERE id = ?1) AND task = ?2
                           AND state = 'queued' AND parked_on IS NOT NULL RETURNING queue",
                    )?
                    .query_row((task.job.as_bytes(), task.task, now.boot_ms), |row| row.get(0))
                    .optional()?;
                if let Some(queue) = queue {
                    woke.insert(queue_name(&queue)?);
                    rescued.tasks += 1;
                }
            }
            rescued.woke = woke.into_iter().collect();
            Ok(rescued)
        })
        .await
    }

    async fn fail_parked(&self, tasks: Vec<TaskRef>, error: JobError) -> Result<Rescued, StoreError> {
        self.write(Write::flushed("fail parked"), move |connection, now| {
            let parked = tasks.into_iter().map(|task| {
                let is_parked: Option<bool> = connection
                    .prepare_cached(
                        "SELECT parked_on IS NOT NULL FROM tasks
                         WHERE job = (SELECT seq FROM jobs WHERE id = ?1) AND task = ?2 AND state = 'queued'",
                    )?
                    .query_row((task.job.as_bytes(), task.task), |row| row.get(0))
                    .optional()?;
                Ok(is_parked.unwrap_or(false).then_some(task))
            });
            let parked: Vec<TaskRef> = parked
                .filter_map(Result::<_, Fault>::transpose)
                .collect::<Result<_, _>>()?;
            expire(connection, now, parked, &error)
        })
        .await
    }

    async fn expire_reports(&self) -> Result<Rescued, StoreError> {
        let now_ms = self.inner.clock.wall().as_millis();
        let any = self.read("expired", move |connection| {
            Ok(!expired(connection, now_ms, 1)?.is_empty())
        });
        if !any.await? {
            return Ok(Rescued::default());
        }
        self.write(Write::flushed("expire reports"), |connection, now| {
            let late = expired(connection, now.wall.as_millis(), EXPIRE_MAX)?;
            let error = JobError {
                code: JobError::NOT_CAUGHT_UP,
                detail:
                    "The counts did not reach what the report was to include before its deadline. Ask again, \
                         with a longer `deadline_s`, or with `fresh` false for what has been counted."
                        .to_owned(),
            };
            expire(connection, now, late, &error)
        })
        .await
    }
}

/// Leases that ended before this moment.
fn lapsed(
    connection: &Connection,
    before_boot_ms: i64,
    limit: usize,
) -> Result<Vec<(Lease, i64, String)>, Fault> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut select = connection.prepare_cached(
        "SELECT jobs.id, tasks.task, tasks.lease_token, tasks.lease_nonce, tasks.published, tasks.queue
         FROM tasks JOIN jobs ON jobs.seq = tasks.job
         WHERE tasks.state = 'leased' AND tasks.lease_until_boot_ms < ?1 LIMIT ?2",
    )?;
    let rows = select.query_map((before_boot_ms, limit), |row| {
        let task = TaskRef {
            job: JobId(uuid::Uuid::from_bytes(row.get(0)?)),
            task: row.get(1)?,
        };
        Ok((
            Lease {
                task,
                token: row.get(2)?,
                nonce: row.get(3)?,
            },
            row.get(4)?,
            row.get(5)?,
        ))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Returns tasks to `queued`, or ends them with their cancelling job (P14).
fn take_back(
    connection: &Connection,
    now: Now,
    held: Vec<(Lease, i64, String)>,
    why: &str,
) -> Result<Rescued, Fault> {
    let mut woke = Woke::new();
    let mut rescued = Rescued::default();
    for (lease, published, queue) in held {
        let Some(mut job) = job_row(connection, lease.task.job)? else {
            continue;
        };
        let from = task_state("leased")?;
        let Some(to) = TaskTransition::Requeue.apply(from, job.state) else {
            continue;
        };
        let exit = Exit {
            job: &job,
            lease,
            from,
            to,
            published,
        };
        end_attempt(connection, now, &exit, Some(why))?;
        if to.is_terminal() {
            leave_for_good(connection, &exit)?;
            let end = TaskEnd {
                to,
                error: None,
                published_more: 0,
            };
            end_open_task(connection, now, &mut job, &end, &mut woke)?;
        } else {
            let back = Return {
                due_boot_ms: now.boot_ms,
                parked_on: None,
                parked: None,
                failures: 0,
            };
            leave_for_now(connection, &exit, &back)?;
            changed(connection, job.seq)?;
            woke.insert(queue_name(&queue)?);
        }
        rescued.tasks += 1;
    }
    rescued.woke = woke.into_iter().collect();
    Ok(rescued)
}

fn expired(connection: &Connection, now_ms: i64, limit: i64) -> Result<Vec<TaskRef>, Fault> {
    let mut select = connection.prepare_cached(
        "SELECT jobs.id, tasks.task FROM tasks JOIN jobs ON jobs.seq = tasks.job
         WHERE tasks.state = 'queued' AND tasks.deadline_ms IS NOT NULL AND tasks.deadline_ms <= ?1 LIMIT ?2",
    )?;
    let rows = select.query_map((now_ms, limit), |row| {
        Ok(TaskRef {
            job: JobId(uuid::Uuid::from_bytes(row.get(0)?)),
            task: row.get(1)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn expire(
    connection: &Connection,
    now: Now,
    tasks: Vec<TaskRef>,
    error: &JobError,
) -> Result<Rescued, Fault> {
    let mut woke = Woke::new();
    let mut rescued = Rescued::default();
    for task in tasks {
        let Some(mut job) = job_row(connection, task.job)? else {
            continue;
        };
        if expire_task(connection, now, &mut job, task.task, error, &mut woke)? {
            rescued.tasks += 1;
        }
    }
    rescued.woke = woke.into_iter().collect();
    Ok(rescued)
}
