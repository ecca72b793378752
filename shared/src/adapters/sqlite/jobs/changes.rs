//! How a process learns that a job has moved on: its own changes at once, another process's within a millisecond.

use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{Connection, params};
use tokio::sync::watch;
use tokio::time::Instant;
use uuid::Uuid;

use super::fault::Fault;
use super::rows;
use crate::adapters::sqlite::Reader;
use crate::adapters::sqlite::wal_index::{CommitStamp, WalIndex};
use crate::job::JobId;
use crate::ports::{ChangeFeed, JobChange, StoreError};

/// How often a feed that is waited for looks whether another process has committed.
const STAMP_EVERY: Duration = Duration::from_millis(1);
/// How often it reads whatever the stamp says, and how soon it tries a store again that is gone.
const READ_EVERY: Duration = Duration::from_millis(50);
/// How often it reads where only this process writes: who asked for a write may have gone before the feed was told.
const READ_OWN_EVERY: Duration = Duration::from_secs(1);
/// Changes returned at a time.
const CHANGES_MAX: u32 = 10_000;

/// A feed of the changes after its making.
pub struct JobChanges {
    reader: Reader,
    committed: watch::Receiver<i64>,
    seen: i64,
    /// `None` where no other process writes.
    others: Option<WalIndex>,
}

impl JobChanges {
    pub(super) fn new(reader: Reader, mut committed: watch::Receiver<i64>, others: Option<WalIndex>) -> Self {
        let seen = *committed.borrow_and_update();
        Self {
            reader,
            committed,
            seen,
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

    /// Until there may be something to read.
    async fn moved(&mut self, stamp: Option<CommitStamp>) {
        let closed = match &mut self.others {
            Some(others) => {
                let deadline = Instant::now() + READ_EVERY;
                tokio::select! {
                    biased;
                    committed = self.committed.changed() => committed.is_err(),
                    () = committed_elsewhere(others, stamp, deadline) => false,
                }
            }
            None => {
                let committed = tokio::time::timeout(READ_OWN_EVERY, self.committed.changed()).await;
                committed.is_ok_and(|committed| committed.is_err())
            }
        };
        if closed {
            // A store that is gone leaves its last commits to be found.
            tokio::time::sleep(READ_EVERY).await;
        }
    }
}

#[async_trait]
impl ChangeFeed for JobChanges {
    async fn next(&mut self) -> Result<Vec<JobChange>, StoreError> {
        loop {
            let seen = self.seen;
            // Both before the read: what is committed during it is seen by the next one.
            self.committed.mark_unchanged();
            let stamp = self.others.as_mut().and_then(WalIndex::stamp);
            let found = self.read(move |connection| since(connection, seen)).await?;
            if let Some((last, changes)) = found {
                self.seen = last;
                return Ok(changes);
            }
            self.moved(stamp).await;
        }
    }

    async fn skip(&mut self) -> Result<(), StoreError> {
        self.seen = self.read(last).await?;
        Ok(())
    }
}

async fn committed_elsewhere(others: &mut WalIndex, stamp: Option<CommitStamp>, deadline: Instant) {
    while Instant::now() < deadline {
        tokio::time::sleep(STAMP_EVERY).await;
        if others.stamp() != stamp {
            return;
        }
    }
}

fn last(connection: &Connection) -> Result<i64, Fault> {
    Ok(connection
        .prepare_cached("SELECT change_seq FROM meta")?
        .query_row([], |row| row.get(0))?)
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
