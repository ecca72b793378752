//! The feed of changes: one reader for a process, over the rising order of changes.

use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;

use super::JobStore;
use super::moves::job_state;
use crate::job::JobId;
use crate::ports::{ChangeFeed, JobChange, StoreError};

/// How soon a change of another process is noticed.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// Changes that one call returns at most.
const BATCH: i64 = 10_000;

/// Changes from the moment of the first call on.
pub struct JobChanges {
    store: JobStore,
    written: watch::Receiver<u64>,
    seen: Option<i64>,
}

impl JobChanges {
    pub(super) fn new(store: JobStore) -> Self {
        let written = store.inner.written.subscribe();
        Self {
            store,
            written,
            seen: None,
        }
    }

    async fn read_new(&self, seen: i64) -> Result<Vec<(i64, JobChange)>, StoreError> {
        self.store
            .read("changes", move |connection| {
                let mut select = connection.prepare_cached(
                    "SELECT change_no, id, revision, state FROM jobs WHERE change_no > ?1
                     ORDER BY change_no LIMIT ?2",
                )?;
                let rows = select.query_map((seen, BATCH), |row| {
                    Ok((
                        row.get(0)?,
                        row.get(1)?,
                        row.get::<_, i64>(2)?,
                        row.get::<_, String>(3)?,
                    ))
                })?;
                rows.map(|row| {
                    let (change_no, id, revision, state) = row?;
                    let job = JobId(uuid::Uuid::from_bytes(id));
                    let ended = job_state(&state)?.is_terminal();
                    Ok((
                        change_no,
                        JobChange {
                            job,
                            revision: revision.unsigned_abs(),
                            ended,
                        },
                    ))
                })
                .collect()
            })
            .await
    }

    async fn newest(&self) -> Result<i64, StoreError> {
        self.store
            .read("newest change", |connection| {
                let newest = connection
                    .prepare_cached("SELECT coalesce(max(change_no), 0) FROM jobs")?
                    .query_row([], |row| row.get(0))?;
                Ok(newest)
            })
            .await
    }
}

#[async_trait]
impl ChangeFeed for JobChanges {
    async fn next(&mut self) -> Result<Vec<JobChange>, StoreError> {
        let mut seen = match self.seen {
            Some(seen) => seen,
            None => self.newest().await?,
        };
        loop {
            self.seen = Some(seen);
            // Marked before the look: a write that comes after it wakes the wait below.
            self.written.mark_unchanged();
            let new = self.read_new(seen).await?;
            if let Some((newest, _)) = new.last() {
                seen = *newest;
                self.seen = Some(seen);
                return Ok(new.into_iter().map(|(_, change)| change).collect());
            }
            if self.store.inner.options.shared {
                // Another process tells nobody here.
                let _ = tokio::time::timeout(LOOK_EVERY, self.written.changed()).await;
            } else if self.written.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}
