//! The event log of the profile `embedded`, in one SQLite file: written in step 5, read in step 6.

mod append;
mod health;
mod reader;

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::OptionalExtension;
use tokio::sync::watch;

use self::append::append;
use self::health::LogHealth;
use self::reader::{SqliteLogReader, ends, entry};
use super::{OpenError, ReadError, Reader, Schema, Write, WriteError, Writer};
use crate::ports::{
    Clock, ComponentHealth, EventLog, Health, LogDelivery, LogEntry, LogError, LogReader, LogRecord,
    PartitionEnd,
};

/// Number of partitions, as Census makes them on Kafka.
const PARTITIONS: i32 = 4;
/// Connections to read with: the projector and a few bounds at a time.
const READERS: usize = 4;
const SCHEMA: Schema = Schema {
    name: "log",
    migrations: &[include_str!("schema.sql")],
    cache_kib: Schema::CACHE_KIB,
};

/// The event log in a SQLite file that no other process writes.
pub struct SqliteLog {
    topic: String,
    writer: Writer,
    reader: Reader,
    clock: Arc<dyn Clock>,
    health: Arc<LogHealth>,
    /// Raised after each commit; the readers of this process wait for it and for nothing else.
    commits: Arc<watch::Sender<u64>>,
}

/// A log that could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum LogOpenError {
    /// The file cannot be written.
    #[error("the event log cannot be opened")]
    Writer(#[from] OpenError),
    /// The file cannot be read.
    #[error("the event log cannot be opened for reading")]
    Reader(#[from] ReadError),
}

impl SqliteLog {
    /// Opens the log in the file at `path`, and makes it where it is missing.
    ///
    /// # Errors
    /// [`LogOpenError`] says what an operator can do.
    pub fn open(path: &Path, topic: &str, clock: Arc<dyn Clock>) -> Result<Self, LogOpenError> {
        Ok(Self {
            topic: topic.to_owned(),
            writer: Writer::open(path, SCHEMA)?,
            reader: Reader::open(path, READERS)?,
            health: Arc::new(LogHealth::new(Arc::clone(&clock))),
            clock,
            commits: Arc::new(watch::Sender::new(0)),
        })
    }
}

#[async_trait]
impl EventLog for SqliteLog {
    fn topic(&self) -> &str {
        &self.topic
    }

    async fn prepare(&self) -> Result<u32, LogError> {
        Ok(PARTITIONS.unsigned_abs())
    }

    async fn publish(&self, records: Vec<LogRecord>) -> Vec<Result<LogDelivery, LogError>> {
        let count = records.len();
        if count == 0 {
            return Vec::new();
        }
        let now_ms = self.clock.wall().as_millis();
        let (writer, health, commits) = (
            self.writer.clone(),
            Arc::clone(&self.health),
            Arc::clone(&self.commits),
        );
        // A task of its own: the readers are told of the commit although the caller has gone.
        let written = tokio::spawn(async move {
            let written: Result<_, WriteError> = writer
                .write(Write::flushed("log.append"), move |connection| {
                    append(connection, &records, now_ms)
                })
                .await;
            health.note(&written);
            if matches!(written, Ok(_) | Err(WriteError::OutcomeUnknown(_))) {
                commits.send_modify(|commits| *commits += 1);
            }
            written
        });
        match written.await.unwrap_or(Err(WriteError::BrokenOff)) {
            Ok(deliveries) => deliveries.into_iter().map(Ok).collect(),
            Err(error) => (0..count)
                .map(|_| Err(away("append", error.duplicate())))
                .collect(),
        }
    }

    async fn ends(&self) -> Result<Vec<PartitionEnd>, LogError> {
        self.read_file("ends", |connection| Ok(ends(connection)?)).await
    }

    async fn read(&self, from: Vec<PartitionEnd>) -> Result<Box<dyn LogReader>, LogError> {
        Ok(Box::new(SqliteLogReader::new(
            self.reader.clone(),
            Arc::clone(&self.health),
            self.commits.subscribe(),
            from,
        )))
    }

    async fn record_at(&self, partition: i32, offset: i64) -> Result<Option<LogEntry>, LogError> {
        self.read_file("record_at", move |connection| {
            let found = connection
                .prepare_cached(
                    "SELECT partition, offset, timestamp_ms, key, headers, value FROM records
                     WHERE partition = ?1 AND offset = ?2",
                )?
                .query_row((partition, offset), entry)
                .optional()?;
            Ok(found)
        })
        .await
    }
}

impl SqliteLog {
    async fn read_file<T, F>(&self, operation: &'static str, read: F) -> Result<T, LogError>
    where
        F: FnOnce(&rusqlite::Connection) -> Result<T, ReadError> + Send + 'static,
        T: Send + 'static,
    {
        let result = self.reader.read(read).await;
        self.health.note(&result);
        result.map_err(|error| away(operation, error))
    }
}

impl Health for SqliteLog {
    fn health(&self) -> ComponentHealth {
        self.health.now()
    }
}

fn away(operation: &'static str, source: impl std::error::Error + Send + Sync + 'static) -> LogError {
    LogError::Away {
        operation,
        source: Some(Box::new(source)),
    }
}
