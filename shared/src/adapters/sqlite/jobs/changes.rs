//! How a process learns that a job has moved on: its own changes at once, another process's within 10 ms.

use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{Connection, params};
use tokio::sync::watch;
use uuid::Uuid;

use super::fault::Fault;
use super::rows;
use crate::adapters::sqlite::Reader;
use crate::job::JobId;
use crate::ports::{ChangeFeed, JobChange, StoreError};

/// How often a feed looks for changes of other processes.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(10);
/// Changes returned at a time.
const CHANGES_MAX: u32 = 10_000;

/// A feed of the changes after its making.
pub struct JobChanges {
    reader: Reader,
    committed: watch::Receiver<i64>,
    seen: i64,
    look_every: Option<Duration>,
}

impl JobChanges {
    pub(super) fn new(
        reader: Reader,
        mut committed: watch::Receiver<i64>,
        look_every: Option<Duration>,
    ) -> Self {
        let seen = *committed.borrow_and_update();
        Self {
            reader,
            committed,
            seen,
            look_every,
        }
    }
}

#[async_trait]
impl ChangeFeed for JobChanges {
    async fn next(&mut self) -> Result<Vec<JobChange>, StoreError> {
        loop {
            let seen = self.seen;
            self.committed.mark_unchanged();
            let found = self
                .reader
                .read(move |connection| since(connection, seen))
                .await
                .map_err(|fault: Fault| fault.classify("changes"))?;
            if let Some((last, changes)) = found {
                self.seen = last;
                return Ok(changes);
            }
            let committed = self.committed.changed();
            let closed = match self.look_every {
                // Whether a commit or the time woke it: look again.
                Some(every) => matches!(tokio::time::timeout(every, committed).await, Ok(Err(_))),
                None => committed.await.is_err(),
            };
            if closed {
                // A store that is gone leaves its last commits to be found.
                tokio::time::sleep(LOOK_EVERY).await;
            }
        }
    }
}

fn since(connection: &Connection, seen: i64) -> Result<Option<(i64, Vec<JobChange>)>, Fault> {
    let mut statement = connection.prepare_cached(
        "SELECT change_seq, id, revision, state FROM jobs WHERE change_seq > ?1 ORDER BY change_seq LIMIT ?2",
    )?;
    let mut found = statement.query(params![seen, CHANGES_MAX])?;
    let mut changes = Vec::new();
    let mut last = seen;
    while let Some(row) = found.next()? {
        last = row.get(0)?;
        changes.push(JobChange {
            job: JobId(Uuid::from_bytes(row.get(1)?)),
            revision: rows::count(row.get(2)?),
            ended: rows::job_state(&row.get::<_, String>(3)?)?.is_terminal(),
        });
    }
    Ok((!changes.is_empty()).then_some((last, changes)))
}
