//! Why nobody projects or publishes, kept beside the lease for all processes (P17).

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, params};

use super::super::Write;
use super::fault::Fault;
use super::{ProjectionStore, lease, quarantine};
use crate::job::JobError;
use crate::ports::{LogStanding, LogStop, ProjectionError, ProjectorLease, Standing};
use crate::time::Timestamp;

const PROJECTOR: &str = "projector";
const GATE: &str = "gate";

#[async_trait]
impl LogStanding for ProjectionStore {
    async fn standing(&self) -> Result<Standing, ProjectionError> {
        let read = |file: &Connection| {
            Ok(Standing {
                projector: stop(file, PROJECTOR)?,
                gate: stop(file, GATE)?,
                quarantined: quarantine::count(file)?,
            })
        };
        let result = self.reader.read(read).await;
        self.answer("standing", result)
    }

    async fn stop_projector(&self, lease: &ProjectorLease, stop: LogStop) -> Result<(), ProjectionError> {
        let lease = lease.clone();
        self.change("stop_projector", move |file| {
            lease::check(file, &lease)?;
            Ok(keep(file, PROJECTOR, &stop)?)
        })
        .await
    }

    async fn resume_projector(
        &self,
        lease: &ProjectorLease,
        code: &'static str,
    ) -> Result<(), ProjectionError> {
        let lease = lease.clone();
        self.change("resume_projector", move |file| {
            lease::check(file, &lease)?;
            file.prepare_cached("DELETE FROM stops WHERE who = ?1 AND code = ?2")?
                .execute([PROJECTOR, code])?;
            Ok(())
        })
        .await
    }

    async fn close_gate(&self, stop: LogStop) -> Result<(), ProjectionError> {
        self.change("close_gate", move |file| Ok(keep(file, GATE, &stop)?))
            .await
    }

    async fn open_gate(&self) -> Result<(), ProjectionError> {
        self.change("open_gate", move |file| {
            file.prepare_cached("DELETE FROM stops WHERE who = ?1")?
                .execute([GATE])?;
            Ok(())
        })
        .await
    }
}

impl ProjectionStore {
    async fn change<F>(&self, operation: &'static str, change: F) -> Result<(), ProjectionError>
    where
        F: Fn(&Connection) -> Result<(), Fault> + Send + 'static,
    {
        let result = self.writer.write(Write::relaxed(operation).first(), change).await;
        self.answer(operation, result)
    }
}

/// One that stands for the same reason has stood since it began.
fn keep(file: &Connection, who: &str, stop: &LogStop) -> rusqlite::Result<()> {
    file.prepare_cached(
        "INSERT INTO stops (who, code, cause, since_ms) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (who) DO UPDATE SET code = excluded.code, cause = excluded.cause,
           since_ms = iif(code = excluded.code, since_ms, excluded.since_ms)",
    )?
    .execute(params![who, stop.code, stop.cause, stop.since.as_millis()])
    .map(drop)
}

fn stop(file: &Connection, who: &str) -> rusqlite::Result<Option<LogStop>> {
    file.prepare_cached("SELECT code, cause, since_ms FROM stops WHERE who = ?1")?
        .query_row([who], |row| {
            Ok(LogStop {
                code: JobError::code_from_name(row.get_ref(0)?.as_str()?),
                cause: row.get(1)?,
                since: Timestamp::from_millis(row.get(2)?),
            })
        })
        .optional()
}
