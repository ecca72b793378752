//! The projection: counts by place, each event once, counts and offsets in one transaction (step 6).

mod applied;
mod count;
mod fold;
mod lease;
mod position;
mod report;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::Connection;

use super::super::health_flag::HealthFlag;
use super::{OpenError, ReadError, Reader, Schema, Write, WriteError, Writer};
use crate::job::{Report, WorkerId};
use crate::ports::{
    Clock, ComponentHealth, FoldEvent, FoldOutcome, FoldPosition, Health, Projection, ProjectionError,
    ProjectorLease, QuarantineRecord, ReportQuery,
};

const SCHEMA: Schema = Schema {
    name: "projection",
    migrations: &[include_str!("schema.sql")],
};

/// The projection. Cheap to clone.
#[derive(Clone)]
pub struct ProjectionStore {
    inner: Arc<Inner>,
}

struct Inner {
    writer: Writer,
    reader: Reader,
    clock: Arc<dyn Clock>,
    boot_id: String,
    flag: HealthFlag,
}

/// A projection that could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum ProjectionOpenError {
    /// The file.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The readers.
    #[error("the projection cannot be read")]
    Read(#[from] ReadError),
}

impl ProjectionStore {
    /// Opens or makes the projection. `readers` connections read at a time.
    ///
    /// # Errors
    /// [`ProjectionOpenError`] says what an operator can do.
    pub fn open(
        path: &Path,
        clock: Arc<dyn Clock>,
        boot_id: String,
        readers: usize,
    ) -> Result<Self, ProjectionOpenError> {
        let writer = Writer::open(path, SCHEMA)?;
        let reader = Reader::open(path, readers)?;
        let flag = HealthFlag::down("projection", Arc::clone(&clock), "not opened yet");
        Ok(Self {
            inner: Arc::new(Inner {
                writer,
                reader,
                clock,
                boot_id,
                flag,
            }),
        })
    }

    async fn read<T, F>(&self, operation: &'static str, read: F) -> Result<T, ProjectionError>
    where
        F: FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
        T: Send + 'static,
    {
        self.inner
            .reader
            .read(read)
            .await
            .map_err(|fault: Fault| fault.into_error(operation))
    }

    async fn write<T, F>(&self, how: Write, write: F) -> Result<T, ProjectionError>
    where
        F: FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
        T: Send + 'static,
    {
        self.inner
            .writer
            .write(how, write)
            .await
            .map_err(|fault: Fault| fault.into_error(how.operation))
    }
}

#[async_trait]
impl Projection for ProjectionStore {
    async fn hold_projector(
        &self,
        worker: &WorkerId,
        ttl: Duration,
    ) -> Result<Option<ProjectorLease>, ProjectionError> {
        let worker = worker.clone();
        let boot_id = self.inner.boot_id.clone();
        let clock = Arc::clone(&self.inner.clock);
        self.write(Write::relaxed("hold the projector").first(), move |connection| {
            lease::hold(connection, &worker, ttl, clock.boot_ms(), &boot_id)
        })
        .await
    }

    async fn positions(&self) -> Result<Vec<FoldPosition>, ProjectionError> {
        self.read("positions", position::all).await
    }

    async fn fold(
        &self,
        lease: &ProjectorLease,
        from: Vec<FoldPosition>,
        to: Vec<FoldPosition>,
        events: Vec<FoldEvent>,
        quarantine: Vec<QuarantineRecord>,
    ) -> Result<FoldOutcome, ProjectionError> {
        let lease = lease.clone();
        // P2: a batch that a power failure undoes is read again from its offsets.
        self.write(Write::relaxed("fold"), move |connection| {
            lease::check(connection, &lease)?;
            position::compare_and_set(connection, &from, &to)?;
            fold::fold(connection, events, &quarantine)
        })
        .await
    }

    async fn report(&self, query: ReportQuery) -> Result<Report, ProjectionError> {
        self.read("report", move |connection| report::report(connection, &query))
            .await
    }

    async fn release_projector(&self, lease: ProjectorLease) -> Result<(), ProjectionError> {
        self.write(Write::relaxed("release the projector"), move |connection| {
            lease::release(connection, &lease)
        })
        .await
    }

    async fn projector(&self) -> Result<Option<WorkerId>, ProjectionError> {
        let now_boot_ms = self.inner.clock.boot_ms();
        let boot_id = self.inner.boot_id.clone();
        self.read("projector", move |connection| {
            lease::holder(connection, now_boot_ms, &boot_id)
        })
        .await
    }
}

impl Health for ProjectionStore {
    fn health(&self) -> ComponentHealth {
        match self.inner.writer.fault() {
            None => self.inner.flag.set_up(),
            Some(fault) => self.inner.flag.set_down(fault),
        };
        self.inner.flag.health()
    }
}

/// What goes wrong inside a closure.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("another projector was here")]
    Fenced,
    #[error(transparent)]
    Write(#[from] WriteError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
}

impl Fault {
    fn into_error(self, operation: &'static str) -> ProjectionError {
        match self {
            Self::Fenced => ProjectionError::Fenced,
            Self::Write(source) => ProjectionError::Failed {
                operation,
                source: Box::new(source),
            },
            Self::Read(source) => ProjectionError::Failed {
                operation,
                source: Box::new(source),
            },
            Self::Sqlite(source) => ProjectionError::Failed {
                operation,
                source: Box::new(source),
            },
        }
    }
}
