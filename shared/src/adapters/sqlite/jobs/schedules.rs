//! Schedules: kept in order of their making, and fired by a conditional write beside the accept of the job.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Params, Row, params};
use uuid::Uuid;

use super::fault::Fault;
use super::tx::Tx;
use super::{JobStore, accept, rows};
use crate::adapters::sqlite::Write;
use crate::job::JobId;
use crate::ports::{Accepted, Fired, NewJob, SCHEDULES_MAX, ScheduleRemoval, ScheduleStore, StoreError};
use crate::schedule::{Firing, Schedule, ScheduleId, ScheduleRule};
use crate::time::Timestamp;

#[async_trait]
impl ScheduleStore for JobStore {
    async fn add_schedule(&self, schedule: Schedule) -> Result<bool, StoreError> {
        self.write(
            Write::flushed("add_schedule").patience(accept::PATIENCE),
            move |tx| add(tx, &schedule),
        )
        .await
    }

    async fn keep_configured(&self, rule: Option<ScheduleRule>, now: Timestamp) -> Result<(), StoreError> {
        let kept = self.schedule(ScheduleId::CONFIGURED).await?;
        if kept.map(|kept| kept.rule) == rule {
            return Ok(());
        }
        self.write(Write::flushed("keep_configured"), move |tx| {
            keep(tx, rule.as_ref(), now)
        })
        .await
    }

    async fn schedules(&self) -> Result<Vec<Schedule>, StoreError> {
        self.read("schedules", |connection| {
            // Ids rise with time, and the configured one is below all.
            all(connection, "ORDER BY id", [])
        })
        .await
    }

    async fn schedule(&self, id: ScheduleId) -> Result<Option<Schedule>, StoreError> {
        self.read("schedule", move |connection| one(connection, id)).await
    }

    async fn remove_schedule(&self, id: ScheduleId) -> Result<ScheduleRemoval, StoreError> {
        if id == ScheduleId::CONFIGURED {
            let there = self.schedule(id).await?.is_some();
            return Ok(if there {
                ScheduleRemoval::Configured
            } else {
                ScheduleRemoval::Unknown
            });
        }
        self.write(Write::flushed("remove_schedule"), move |tx| {
            let removed = tx.run("DELETE FROM schedules WHERE id = ?1", [id.0.as_bytes()])?;
            Ok(if removed > 0 {
                ScheduleRemoval::Removed
            } else {
                ScheduleRemoval::Unknown
            })
        })
        .await
    }

    async fn due_schedules(&self, now: Timestamp, limit: usize) -> Result<Vec<Schedule>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.read("due_schedules", move |connection| {
            let due = "WHERE next_ms <= ?1 ORDER BY next_ms LIMIT ?2";
            all(connection, due, [now.as_millis(), limit])
        })
        .await
    }

    async fn fire(&self, id: ScheduleId, firing: Firing, job: Option<NewJob>) -> Result<Fired, StoreError> {
        let _admitted = match &job {
            Some(_) => Some(self.admit(0).await?),
            None => None,
        };
        self.write(Write::flushed("fire").patience(accept::PATIENCE), move |tx| {
            fire(tx, id, firing, job.as_ref())
        })
        .await
    }
}

fn add(tx: &Tx<'_>, schedule: &Schedule) -> Result<bool, Fault> {
    // The same schedule again, after an outcome that was unknown (P3).
    if one(tx.connection, schedule.id)?.is_some() {
        return Ok(true);
    }
    let kept: i64 = tx
        .statement("SELECT count(*) FROM schedules WHERE id <> ?1")?
        .query_row([ScheduleId::CONFIGURED.0.as_bytes()], |row| row.get(0))?;
    if rows::count(kept) >= SCHEDULES_MAX as u64 {
        return Ok(false);
    }
    tx.run(
        "INSERT INTO schedules (id, rule, created_ms, next_ms) VALUES (?1, ?2, ?3, ?4)",
        params![
            schedule.id.0.as_bytes(),
            rows::to_json(&schedule.rule),
            schedule.created_at.as_millis(),
            schedule.next_slot.as_millis(),
        ],
    )?;
    Ok(true)
}

fn keep(tx: &Tx<'_>, rule: Option<&ScheduleRule>, now: Timestamp) -> Result<(), Fault> {
    let id = ScheduleId::CONFIGURED;
    let kept = one(tx.connection, id)?;
    if kept.as_ref().map(|kept| &kept.rule) == rule {
        return Ok(());
    }
    tx.run("DELETE FROM schedules WHERE id = ?1", [id.0.as_bytes()])?;
    if let Some(rule) = rule {
        let next = rule.cadence.next_after(now, now).unwrap_or(Timestamp::MAX);
        // A slot that was fired under the rule before is over under this one, too.
        let last = kept.and_then(|kept| kept.last);
        tx.run(
            "INSERT INTO schedules (id, rule, created_ms, next_ms, last_slot_ms, last_job)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![
                id.0.as_bytes(),
                rows::to_json(rule),
                now.as_millis(),
                next.as_millis(),
                last.map(|(slot, _)| slot.as_millis()),
                last.map(|(_, job)| *job.as_bytes()),
            ],
        )?;
    }
    Ok(())
}

fn fire(tx: &Tx<'_>, id: ScheduleId, firing: Firing, job: Option<&NewJob>) -> Result<Fired, Fault> {
    let moved = tx.run(
        "UPDATE schedules SET next_ms = ?3, last_slot_ms = ifnull(?4, last_slot_ms), last_job = ifnull(?5, last_job)
         WHERE id = ?1 AND next_ms = ?2",
        params![
            id.0.as_bytes(),
            firing.from.as_millis(),
            firing.next.as_millis(),
            firing.slot.map(Timestamp::as_millis),
            job.map(|job| *job.id.as_bytes()),
        ],
    )?;
    if moved == 0 {
        return Ok(Fired::Elsewhere);
    }
    let mut woke = Vec::new();
    if let Some(job) = job {
        match accept::accept(tx, job)? {
            Accepted::Made(made) => woke.push(made.request.kind().queue()),
            Accepted::KeyKept(_) => return Err(Fault::corrupt("a slot's job has no key", job.id)),
        }
    }
    Ok(Fired::Taken(woke))
}

fn one(connection: &Connection, id: ScheduleId) -> Result<Option<Schedule>, Fault> {
    connection
        .prepare_cached(&format!("{COLUMNS} WHERE id = ?1"))?
        .query_row([id.0.as_bytes()], |row| Ok(schedule(row)))
        .optional()?
        .transpose()
}

fn all(connection: &Connection, rest: &str, params: impl Params) -> Result<Vec<Schedule>, Fault> {
    let mut statement = connection.prepare_cached(&format!("{COLUMNS} {rest}"))?;
    let mut found = statement.query(params)?;
    let mut schedules = Vec::new();
    while let Some(row) = found.next()? {
        // One that cannot be read must not keep the others from their turn.
        schedules.extend(rows::readable("schedules", schedule(row))?);
    }
    Ok(schedules)
}

const COLUMNS: &str = "SELECT id, rule, created_ms, next_ms, last_slot_ms, last_job FROM schedules";

fn schedule(row: &Row<'_>) -> Result<Schedule, Fault> {
    let slot: Option<i64> = row.get(4)?;
    let job: Option<[u8; 16]> = row.get(5)?;
    Ok(Schedule {
        id: ScheduleId(Uuid::from_bytes(row.get(0)?)),
        rule: rows::json("schedules.rule", &row.get::<_, String>(1)?)?,
        created_at: Timestamp::from_millis(row.get(2)?),
        next_slot: Timestamp::from_millis(row.get(3)?),
        last: slot
            .zip(job)
            .map(|(slot, job)| (Timestamp::from_millis(slot), JobId(Uuid::from_bytes(job)))),
    })
}
