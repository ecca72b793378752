//! What repairs, as a port, and the rescuer's own lease (P8, P9, P10, P14).

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{OptionalExtension, params};

use super::fault::Fault;
use super::options::millis;
use super::presence::Presence;
use super::tx::Tx;
use super::{JobStore, lapse, parked};
use crate::adapters::sqlite::Write;
use crate::job::{JobError, TaskRef, WorkerId};
use crate::ports::{Attendance, PartitionEnd, RescueStore, Rescued, RescuerLease, StoreError};

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

    async fn attend(&self, worker: &WorkerId) -> Result<Box<dyn Attendance>, StoreError> {
        self.presence()
            .attend(worker)
            .map_err(|source| StoreError::Failed {
                operation: "attend",
                source: Box::new(source),
            })
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
        let presence = Arc::clone(self.presence());
        let rescue = self.write(Write::flushed("rescue_lapsed"), move |tx| {
            // P9: who waited that long for the lock is not alone; the holders' heartbeats may wait too.
            if tx.boot_ms - asked_boot_ms > tx.lease_ms / 3 {
                tracing::warn!(
                    waited_ms = tx.boot_ms - asked_boot_ms,
                    "no lease is taken away: the lock took too long"
                );
                return Ok((Rescued::default(), None));
            }
            let rescued = lapse::lapse(tx, tx.boot_ms, limit, Some(&presence))?;
            Ok((rescued, Some(lapse::holders(tx)?)))
        });
        let (rescued, holders) = rescue.await?;
        // P13: only now. A death that was not written has to be seen again.
        if let Some(holders) = holders {
            forget_the_dead(self.presence(), &holders);
        }
        Ok(rescued)
    }

    async fn void_leases(&self) -> Result<Rescued, StoreError> {
        self.write(Write::flushed("void_leases"), |tx| {
            tx.run("DELETE FROM rescuer", [])?;
            lapse::lapse(tx, i64::MAX, usize::MAX, None)
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
        let boot_ms = self.clock().boot_ms();
        let any: bool = self
            .read("expire_reports", move |connection| {
                parked::any_expired(connection, boot_ms)
            })
            .await?;
        if !any {
            return Ok(Rescued::default());
        }
        self.write(Write::flushed("expire_reports"), parked::expire).await
    }
}

/// Files of vanished processes are kept as long as a lease of theirs has not lapsed.
fn forget_the_dead(presence: &Presence, holders: &[String]) {
    if let Err(fault) = presence.forget(holders) {
        tracing::warn!(
            error = &fault as &dyn std::error::Error,
            "the traces of vanished processes could not be removed"
        );
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
