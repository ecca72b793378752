//! The job store: the ports of steps 2, 3, 4, 7 and 8 over one SQLite file.
//!
//! Each port is a file. What they share: [`moves`] writes the transitions that
//! [`crate::job::state`](crate::job) allows. Writes go through the one [`Writer`] of the process, reads through a pool.

mod accept;
mod attempt;
mod changes;
mod control;
mod dispatch;
mod epoch;
mod finish;
mod moves;
mod read;
mod rescue;
mod upload;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::watch;

use super::super::health_flag::HealthFlag;
use super::{OpenError, ReadError, Reader, Schema, Write, WriteError, Writer};
use crate::ports::{Clock, ComponentHealth, Health, StoreError};
use crate::time::Timestamp;

pub use changes::JobChanges;

const SCHEMA: Schema = Schema {
    name: "jobs",
    migrations: &[include_str!("schema.sql")],
};

/// The job store. Cheap to clone.
#[derive(Clone)]
pub struct JobStore {
    inner: Arc<Inner>,
}

struct Inner {
    path: PathBuf,
    writer: Writer,
    reader: Reader,
    clock: Arc<dyn Clock>,
    options: JobStoreOptions,
    epoch: u64,
    flag: HealthFlag,
    /// Rises with every write of this process that changed a job.
    written: watch::Sender<u64>,
}

/// What a job store needs to know.
#[derive(Clone, Debug)]
pub struct JobStoreOptions {
    /// How long a claimed task is its worker's without a heartbeat.
    pub lease: Duration,
    /// How long a job is kept after its end.
    pub retention: Duration,
    /// The host's boot: boot clocks of two boots cannot be compared (P8).
    pub boot_id: String,
    /// Connections that read at a time.
    pub readers: usize,
    /// Jobs not ended above which new ones are refused.
    pub backlog_limit: u64,
    /// Free bytes below which new jobs are refused (P4).
    pub disk_reserve_bytes: u64,
    /// Whether other processes write the same file.
    pub shared: bool,
}

/// A job store that could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum JobStoreError {
    /// The file.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The readers.
    #[error("the job store cannot be read")]
    Read(#[from] ReadError),
    /// The boot could not be entered.
    #[error("the job store cannot note the host's boot")]
    Boot(#[from] StoreError),
}

impl JobStore {
    /// Opens or makes the store; raises its epoch when the host has booted since (P2).
    ///
    /// # Errors
    /// [`JobStoreError`] says what an operator can do.
    pub async fn open(
        path: &Path,
        clock: Arc<dyn Clock>,
        options: JobStoreOptions,
    ) -> Result<Self, JobStoreError> {
        let writer = Writer::open(path, SCHEMA)?;
        let reader = Reader::open(path, options.readers)?;
        let epoch = epoch::enter(&writer, options.boot_id.clone()).await?;
        let flag = HealthFlag::down("store", Arc::clone(&clock), "not opened yet");
        let written = watch::Sender::new(0);
        let path = path.to_owned();
        let inner = Inner {
            path,
            writer,
            reader,
            clock,
            options,
            epoch,
            flag,
            written,
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// A feed of the changes from now on.
    #[must_use]
    pub fn changes(&self) -> JobChanges {
        JobChanges::new(self.clone())
    }

    /// Runs `write` in the next batch and tells this process's feeds about it.
    async fn write<T, F>(&self, how: Write, write: F) -> Result<T, StoreError>
    where
        F: FnOnce(&Connection, Now) -> Result<T, Fault> + Send + 'static,
        T: Send + 'static,
    {
        let clock = Arc::clone(&self.inner.clock);
        let retention_ms = i64::try_from(self.inner.options.retention.as_millis()).unwrap_or(i64::MAX);
        let result = self
            .inner
            .writer
            .write(how, move |connection| {
                // Read only now: the wait for the turn belongs to the caller, not to the lease.
                let now = Now {
                    wall: clock.wall(),
                    boot_ms: clock.boot_ms(),
                    retention_ms,
                };
                write(connection, now)
            })
            .await;
        self.inner.written.send_modify(|written| *written += 1);
        result.map_err(|fault: Fault| fault.into_store_error(how.operation))
    }

    async fn read<T, F>(&self, operation: &'static str, read: F) -> Result<T, StoreError>
    where
        F: FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
        T: Send + 'static,
    {
        self.inner
            .reader
            .read(read)
            .await
            .map_err(|fault: Fault| fault.into_store_error(operation))
    }

    fn lease_ms(&self) -> i64 {
        i64::try_from(self.inner.options.lease.as_millis()).unwrap_or(i64::MAX)
    }
}

impl Health for JobStore {
    fn health(&self) -> ComponentHealth {
        match self.inner.writer.fault() {
            None => self.inner.flag.set_up(),
            Some(fault) => self.inner.flag.set_down(fault),
        };
        self.inner.flag.health()
    }
}

/// The moment of a write.
#[derive(Clone, Copy)]
struct Now {
    wall: Timestamp,
    boot_ms: i64,
    retention_ms: i64,
}

/// What goes wrong inside a closure.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error(transparent)]
    Write(#[from] WriteError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    #[error("the store holds what cannot be read: {0}")]
    Corrupt(String),
    #[error("{0}")]
    Busy(String),
    #[error("the upload has lapsed")]
    UploadLapsed,
}

impl Fault {
    fn into_store_error(self, operation: &'static str) -> StoreError {
        match self {
            Self::Write(WriteError::Busy { reason }) | Self::Busy(reason) => StoreError::Busy { reason },
            Self::Write(WriteError::OutcomeUnknown(source)) => StoreError::OutcomeUnknown {
                source: Box::new(WriteError::OutcomeUnknown(source)),
            },
            Self::UploadLapsed => StoreError::UploadLapsed,
            Self::Corrupt(what) => StoreError::Corrupt { what },
            Self::Write(source @ (WriteError::Failed(_) | WriteError::BrokenOff)) => StoreError::Failed {
                operation,
                source: Box::new(source),
            },
            Self::Read(source) => StoreError::Failed {
                operation,
                source: Box::new(source),
            },
            Self::Sqlite(source) => StoreError::Failed {
                operation,
                source: Box::new(source),
            },
            Self::Json(source) => StoreError::Failed {
                operation,
                source: Box::new(source),
            },
        }
    }
}
