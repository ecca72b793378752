//! What repairs: lapsed leases and the rescuer's own lease (P8, P9, P10, P14).

use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{OptionalExtension, params};

use super::fault::Fault;
use super::options::millis;
use super::transition::{self, Ended};
use super::tx::Tx;
use super::{JobStore, finish, parked, rows};
use crate::adapters::sqlite::Write;
use crate::job::{JobError, TaskRef, TaskTransition, WorkerId};
use crate::ports::{PartitionEnd, RescueStore, Rescued, RescuerLease, StoreError};

#[async_trait]
impl RescueStore for JobStore {
    async fn hold_rescuer(
        &self,
        worker: &WorkerId,
        ttl: Duration,
    ) -> Result<Option<RescuerLease>, StoreError> {
        let worker = worker.clone();
        self.write(Write::relaxed("hold_rescuer"), move |tx| hold(tx, &worker, ttl))
            .await
    }

    async fn rescue_lapsed(&self, limit: usize) -> Result<Rescued, StoreError> {
        let asked_boot_ms = self.clock().boot_ms();
        let any: bool = self
            .read("rescue_lapsed", move |connection| {
                let sql = "SELECT EXISTS (SELECT 1 FROM tasks
                           WHERE state = 'leased' AND lease_until_boot_ms <= ?1)";
                Ok(connection
                    .prepare_cached(sql)?
                    .query_row([asked_boot_ms], |row| row.get(0))?)
            })
            .await?;
        if !any {
            return Ok(Rescued::default());
        }
        self.write(Write::flushed("rescue_lapsed"), move |tx| {
            // P9: who waited that long for the lock is not alone; the holders' heartbeats may wait too.
            if tx.boot_ms - asked_boot_ms > tx.lease_ms / 3 {
                tracing::warn!(
                    waited_ms = tx.boot_ms - asked_boot_ms,
                    "no lease is taken away: the lock took too long"
                );
                return Ok(Rescued::default());
            }
            lapse(tx, tx.boot_ms, limit)
        })
        .await
    }

    async fn void_leases(&self) -> Result<Rescued, StoreError> {
        self.write(Write::flushed("void_leases"), |tx| {
            lapse(tx, i64::MAX, usize::MAX)
        })
        .await
    }

    async fn parked(&self) -> Result<Vec<(TaskRef, Vec<PartitionEnd>)>, StoreError> {
        self.read("parked", parked::parked).await
    }

    async fn wake(&self, tasks: Vec<TaskRef>) -> Result<Rescued, StoreError> {
        self.write(Write::relaxed("wake"), move |tx| parked::wake(tx, &tasks))
            .await
    }

    async fn fail_parked(&self, tasks: Vec<TaskRef>, error: JobError) -> Result<Rescued, StoreError> {
        self.write(Write::flushed("fail_parked"), move |tx| {
            parked::fail_parked(tx, &tasks, &error)
        })
        .await
    }

    async fn expire_reports(&self) -> Result<Rescued, StoreError> {
        let now = self.clock().wall();
        let any: bool = self
            .read("expire_reports", move |connection| {
                parked::any_expired(connection, now)
            })
            .await?;
        if !any {
            return Ok(Rescued::default());
        }
        self.write(Write::flushed("expire_reports"), parked::expire).await
    }
}

fn hold(tx: &Tx<'_>, worker: &WorkerId, ttl: Duration) -> Result<Option<RescuerLease>, Fault> {
    let before: Option<(String, i64)> = tx
        .statement("SELECT worker, until_boot_ms FROM rescuer WHERE one = 1")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let taken_over = match before {
        Some((holder, until)) if holder != worker.0 => {
            if until > tx.boot_ms {
                return Ok(None);
            }
            true
        }
        Some(_) | None => false,
    };
    tx.run(
        "INSERT OR REPLACE INTO rescuer (one, worker, until_boot_ms) VALUES (1, ?1, ?2)",
        params![worker.0, tx.boot_ms + millis(ttl)],
    )?;
    Ok(Some(RescuerLease { taken_over }))
}

/// Takes away the leases that ended at `until` or before.
fn lapse(tx: &Tx<'_>, until: i64, limit: usize) -> Result<Rescued, Fault> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let lapsed: Vec<(i64, u32)> = tx
        .statement(
            "SELECT job, no FROM tasks WHERE state = 'leased' AND lease_until_boot_ms <= ?1
             ORDER BY lease_until_boot_ms LIMIT ?2",
        )?
        .query_map(params![until, limit], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    let mut rescued = Rescued::default();
    for (job, no) in lapsed {
        let mut job = rows::job_by_seq(tx, job)?;
        let Some(task) = rows::task(tx, job.seq, no)? else {
            continue;
        };
        let Some(to) = TaskTransition::Requeue.apply(task.state, job.state) else {
            continue;
        };
        finish::end_attempt(tx, &job, &task, Some("the worker gave no sign of life in time"))?;
        transition::count_published(tx, &job)?;
        if to.is_terminal() {
            finish::end_lost(tx, &job, &task, to)?;
            transition::tasks_ended(tx, &mut job, Ended::one(to), None, &mut rescued.woke)?;
        } else {
            finish::leave_lease(tx, &job, &task, to, &finish::Next::due(tx))?;
            transition::wake_queue(&mut rescued.woke, task.queue);
        }
        transition::touch(tx, &job)?;
        rescued.tasks += 1;
    }
    Ok(rescued)
}
