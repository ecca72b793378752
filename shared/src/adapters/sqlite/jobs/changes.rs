//! How a process learns that a job has moved on, whichever process has moved it: each batch leaves a row of what its
//! jobs have become.

use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{Connection, params};
use tokio::sync::watch;
use uuid::Uuid;

use super::fault::Fault;
use crate::adapters::sqlite::Reader;
use crate::adapters::sqlite::turn_watch::TurnWatch;
use crate::job::JobId;
use crate::ports::{ChangeFeed, JobChange, News, StoreError};

/// How often a feed that is waited for reads although it was told nothing, and how soon it tries a store again that is
/// gone.
const READ_EVERY: Duration = Duration::from_millis(50);
/// How often it reads where only this process writes: who asked for a write may have gone before the feed was told.
const READ_OWN_EVERY: Duration = Duration::from_secs(1);
/// Changes after which a feed reads no further row at a time.
const CHANGES_MAX: usize = 10_000;
/// Changes that are kept: some seconds of a busy store. Who comes later looks at every job that it waits for.
const KEPT: i64 = 100_000;
/// A change as it is stored: the job's id, its revision with the lowest byte first, and 1 when it has ended.
const CHANGE_BYTES: usize = 16 + 8 + 1;

/// A feed of the changes after its making.
pub struct JobChanges {
    reader: Reader,
    committed: watch::Receiver<i64>,
    seen: i64,
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
            () = others_moved(&mut self.others) => {}
            () = tokio::time::sleep(read_every) => {}
        }
    }
}

#[async_trait]
impl ChangeFeed for JobChanges {
    async fn next(&mut self) -> Result<News, StoreError> {
        loop {
            if !self.behind {
                self.moved().await;
            }
            // Whoever gives up the wait has lost no news by it.
            self.behind = true;
            let seen = self.seen;
            let found = self.read(move |connection| since(connection, seen)).await?;
            self.behind = found.more;
            self.seen = found.last;
            if found.missed {
                return Ok(News::Missed);
            }
            if !found.changes.is_empty() {
                return Ok(News::Changes(found.changes));
            }
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

async fn others_moved(others: &mut Option<TurnWatch>) {
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

/// What stands in the store behind a change.
pub(super) struct Found {
    pub(super) changes: Vec<JobChange>,
    /// The number of the last of them.
    last: i64,
    /// Whether some are not kept any more.
    pub(super) missed: bool,
    pub(super) more: bool,
}

pub(super) fn since(connection: &Connection, seen: i64) -> Result<Found, Fault> {
    let mut found = Found {
        changes: Vec::new(),
        last: seen,
        missed: false,
        more: false,
    };
    let mut statement =
        connection.prepare_cached("SELECT last, jobs FROM changes WHERE last > ?1 ORDER BY last")?;
    let mut rows = statement.query([seen])?;
    while let Some(row) = rows.next()? {
        if found.changes.len() >= CHANGES_MAX {
            found.more = true;
            break;
        }
        let (last, stored) = (
            row.get(0)?,
            row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?,
        );
        // Numbers are dense. A feed that was told of a change in mid-batch hears of the whole batch.
        let count = i64::try_from(stored.len() / CHANGE_BYTES).unwrap_or(i64::MAX);
        found.missed |= last - count > found.last;
        found
            .changes
            .extend(stored.chunks_exact(CHANGE_BYTES).map(decode));
        found.last = last;
    }
    Ok(found)
}

/// Keeps the changes of one batch, of which the last has this number, and forgets those of long ago.
pub(super) fn keep(connection: &Connection, last: i64, changes: &[JobChange]) -> rusqlite::Result<()> {
    let mut stored = Vec::with_capacity(changes.len() * CHANGE_BYTES);
    changes.iter().for_each(|change| encode(change, &mut stored));
    connection
        .prepare_cached("INSERT INTO changes (last, jobs) VALUES (?1, ?2)")?
        .execute(params![last, stored])?;
    connection
        .prepare_cached("DELETE FROM changes WHERE last <= ?1")?
        .execute([last - KEPT])?;
    Ok(())
}

fn encode(change: &JobChange, stored: &mut Vec<u8>) {
    stored.extend_from_slice(change.job.as_bytes());
    stored.extend_from_slice(&change.revision.to_le_bytes());
    stored.push(u8::from(change.ended));
}

fn decode(stored: &[u8]) -> JobChange {
    let (id, rest) = stored.split_first_chunk().expect("a change has its bytes");
    let (revision, ended) = rest.split_first_chunk().expect("a change has its bytes");
    JobChange {
        job: JobId(Uuid::from_bytes(*id)),
        revision: u64::from_le_bytes(*revision),
        ended: ended == [1],
    }
}
