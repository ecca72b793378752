//! The projection in one SQLite file: counts by place, each event once; folded in step 6, read by reports in step 5.

mod dedup;
mod fault;
mod fold;
mod generation;
mod health;
mod lease;
#[cfg(feature = "testing")]
mod memory;
mod places;
mod position;
mod quarantine;
mod rebuild;
mod report;
mod span;
mod standing;
mod users;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::Connection;

use self::fault::Fault;
use self::generation::Tables;
use self::health::ProjectionHealth;
use super::{OpenError, ReadError, Reader, Schema, Write, Writer};
use crate::job::{Report, WorkerId};
use crate::mutant::{self, Mutant};
use crate::ports::{
    Clock, ComponentHealth, FoldBatch, FoldOutcome, FoldPosition, Health, Projection, ProjectionError,
    ProjectorLease, ReportQuery,
};

const SCHEMA: Schema = Schema {
    name: "projection",
    migrations: &[
        include_str!("schema.sql"),
        include_str!("migration_2.sql"),
        include_str!("migration_3.sql"),
    ],
    // A batch touches the table of users everywhere (measured: 48 MiB take a twelfth off what an event costs).
    cache_kib: 48 * 1024,
};

/// Spans that are counted at a time: it is all computing.
const SPANS: usize = 2;

/// The projection in a SQLite file that several processes may open. Cheap to clone.
#[derive(Clone)]
pub struct ProjectionStore {
    writer: Writer,
    reader: Reader,
    /// Of its own: counting long spans must not keep anybody from the positions.
    spans: Reader,
    clock: Arc<dyn Clock>,
    boot_id: Arc<str>,
    health: Arc<ProjectionHealth>,
}

/// A projection that could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum ProjectionOpenError {
    /// The file cannot be written.
    #[error("the projection cannot be opened")]
    Writer(#[from] OpenError),
    /// The file cannot be read.
    #[error("the projection cannot be opened for reading")]
    Reader(#[from] ReadError),
}

impl ProjectionStore {
    /// Opens the projection in the file at `path`, and makes it where it is missing. `boot_id` names this boot of
    /// the host (P8); at most `readers` read at a time.
    ///
    /// # Errors
    /// [`ProjectionOpenError`] says what an operator can do.
    pub fn open(
        path: &Path,
        clock: Arc<dyn Clock>,
        boot_id: String,
        readers: usize,
    ) -> Result<Self, ProjectionOpenError> {
        Ok(Self {
            writer: Writer::open(path, SCHEMA)?,
            reader: Reader::open(path, readers)?,
            spans: Reader::unhurried(path, SPANS)?,
            health: Arc::new(ProjectionHealth::new(Arc::clone(&clock))),
            clock,
            boot_id: boot_id.into(),
        })
    }

    async fn read_report(&self, query: &ReportQuery) -> Result<Report, Fault> {
        if query.from.is_some() || query.to.is_some() {
            return span::report(&self.spans, query).await;
        }
        let query = query.clone();
        self.reader
            .read(move |file| Ok(report::report(file, &query)?))
            .await
    }

    fn answer<T>(&self, operation: &'static str, result: Result<T, Fault>) -> Result<T, ProjectionError> {
        self.health.note(&result);
        result.map_err(|fault| fault.during(operation))
    }
}

#[async_trait]
impl Projection for ProjectionStore {
    async fn hold_projector(
        &self,
        worker: &WorkerId,
        ttl: Duration,
    ) -> Result<Option<ProjectorLease>, ProjectionError> {
        let (worker, clock, boot_id) = (worker.clone(), Arc::clone(&self.clock), Arc::clone(&self.boot_id));
        let write = Write::relaxed("hold_projector").first();
        let result = self
            .writer
            // The clock is read in the turn: waiting for it may take longer than a lease.
            .write(write, move |file| {
                lease::hold(file, worker.clone(), &boot_id, clock.boot_ms(), ttl)
            })
            .await;
        self.answer("hold_projector", result)
    }

    async fn positions(&self) -> Result<Vec<FoldPosition>, ProjectionError> {
        let result = self
            .reader
            .read(|file| Ok(position::all(file, Tables::Present)?))
            .await;
        self.answer("positions", result)
    }

    async fn fold(&self, lease: &ProjectorLease, batch: FoldBatch) -> Result<FoldOutcome, ProjectionError> {
        let lease = lease.clone();
        let offsets_first = mutant::on(Mutant::CommitOffsetsFirst);
        if offsets_first {
            let (from, to) = (batch.from.clone(), batch.to.clone());
            let advance = move |file: &Connection| position::advance(file, Tables::Present, &from, &to);
            let advanced = self.writer.write(Write::relaxed("fold"), advance).await;
            self.answer("fold", advanced)?;
        }
        let result = self
            .writer
            .write(Write::relaxed("fold"), move |file| {
                lease::check(file, &lease)?;
                fold_batch(file, Tables::Present, &batch)
            })
            .await;
        self.answer("fold", result)
    }

    async fn report(&self, query: ReportQuery) -> Result<Report, ProjectionError> {
        let mut result = self.read_report(&query).await;
        if let (true, Ok(report)) = (mutant::on(Mutant::TwoSnapshots), &mut result) {
            report.as_of = self.answer("report", self.read_report(&query).await)?.as_of;
        }
        self.answer("report", result)
    }

    async fn release_projector(&self, lease: ProjectorLease) -> Result<(), ProjectionError> {
        let result = self
            .writer
            .write(Write::relaxed("release_projector").first(), move |file| {
                Ok(lease::release(file, &lease)?)
            })
            .await;
        self.answer("release_projector", result)
    }

    async fn projector(&self) -> Result<Option<WorkerId>, ProjectionError> {
        let (now, boot_id) = (self.clock.boot_ms(), Arc::clone(&self.boot_id));
        let result = self
            .reader
            .read(move |file| Ok(lease::holder(file, &boot_id, now)?))
            .await;
        self.answer("projector", result)
    }
}

/// The steps of one batch, in one transaction with whatever else the caller does.
fn fold_batch(file: &Connection, tables: Tables, batch: &FoldBatch) -> Result<FoldOutcome, Fault> {
    position::advance(file, tables, &batch.from, &batch.to)?;
    quarantine::put_aside(file, tables, &batch.quarantine)?;
    quarantine::correct(file, tables, &batch.events)?;
    Ok(fold::fold(file, tables, &batch.events)?)
}

impl Health for ProjectionStore {
    fn health(&self) -> ComponentHealth {
        self.health.now()
    }
}
