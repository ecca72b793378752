//! How a process learns that a job has moved on, whichever process has moved it.

use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{Connection, params};
use tokio::sync::watch;
use uuid::Uuid;

use super::fault::Fault;
use super::rows;
use crate::adapters::sqlite::Reader;
use crate::adapters::sqlite::turn_watch::TurnWatch;
use crate::job::JobId;
use crate::ports::{ChangeFeed, JobChange, StoreError};

/// How often a feed that is waited for reads although it was told nothing, and how soon it tries a store again that is
/// gone.
const READ_EVERY: Duration = Duration::from_millis(50);
/// How often it reads where only this process writes: who asked for a write may have gone before the feed was told.
const READ_OWN_EVERY: Duration = Duration::from_secs(1);
/// Changes returned at a time.
const CHANGES_MAX: u32 = 10_000;

/// A feed of the changes after its making.
pub struct JobChanges {
    reader: Reader,
    committed: watch::Receiver<i64>,
    pub(super) seen: i64,
    /// Whether the last read left something.
    behind: bool,
    /// `None` where no other process writes.
    others: Option<TurnWatch>,
}

impl JobChanges {
    pub(super) fn new(reader: Reader, committed: watch::Receiver<i64>, others: Option<TurnWatch>) -> Self {
        let seen = *committed.borrow();
        Self {
            reader,
            committed,
            seen,
            behind: false,
            others,
        }
    }

    async fn read<T, F>(&self, read: F) -> Result<T, StoreError>
    where
        F: FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
        T: Send + 'static,
    {
        let read = self.reader.read(read).await;
        read.map_err(|fault: Fault| fault.classify("changes"))
    }

    /// Until there may be something to read. What comes during a read is told after it.
    async fn moved(&mut self) {
        let seen = self.seen;
        let read_every = if self.others.is_some() {
            READ_EVERY
        } else {
            READ_OWN_EVERY
        };
        tokio::select! {
            biased;
            () = committed_beyond(seen, &mut self.committed) => {}
            () = news(&mut self.others) => {}
            () = tokio::time::sleep(read_every) => {}
        }
    }
}

#[async_trait]
impl ChangeFeed for JobChanges {
    async fn next(&mut self) -> Result<Vec<JobChange>, StoreError> {
        loop {
            if !self.behind {
                self.moved().await;
            }
            // Whoever gives up the wait has lost no news by it.
            self.behind = true;
            let (seen, told) = (self.seen, *self.committed.borrow());
            let changes = self.read(move |connection| since(connection, seen)).await?;
            self.behind = changes.len() == CHANGES_MAX as usize;
            if let Some((last, _)) = changes.last() {
                self.seen = *last;
                return Ok(changes.into_iter().map(|(_, change)| change).collect());
            }
            // What was told and is not there was of jobs that have been removed since.
            self.seen = seen.max(told);
        }
    }

    async fn skip(&mut self) -> Result<(), StoreError> {
        self.seen = self.read(last).await?;
        self.behind = false;
        Ok(())
    }
}

async fn committed_beyond(seen: i64, committed: &mut watch::Receiver<i64>) {
    let gone = committed.wait_for(|last| *last > seen).await.is_err();
    if gone {
        // A store that is gone leaves its last commits to be found.
        tokio::time::sleep(READ_EVERY).await;
    }
}

async fn news(others: &mut Option<TurnWatch>) {
    match others {
        Some(others) => others.news().await,
        None => std::future::pending().await,
    }
}

fn last(connection: &Connection) -> Result<i64, Fault> {
    Ok(connection
        .prepare_cached("SELECT change_seq FROM meta")?
        .query_row([], |row| row.get(0))?)
}

fn since(connection: &Connection, seen: i64) -> Result<Vec<(i64, JobChange)>, Fault> {
    let mut statement = connection.prepare_cached(
        "SELECT change_seq, id, revision, state FROM jobs WHERE change_seq > ?1 ORDER BY change_seq LIMIT ?2",
    )?;
    let mut found = statement.query(params![seen, CHANGES_MAX])?;
    let mut changes = Vec::new();
    while let Some(row) = found.next()? {
        let change = JobChange {
            job: JobId(Uuid::from_bytes(row.get(1)?)),
            revision: rows::count(row.get(2)?),
            ended: rows::job_state(&row.get::<_, String>(3)?)?.is_terminal(),
        };
        changes.push((row.get(0)?, change));
    }
    Ok(changes)
}
