//! The one writer of a SQLite file in this process: a thread that commits whatever waits as one batch (P2, P9).
//!
//! ```text
//! callers ──write()──▶ two lanes ──▶ thread: turn at the file ─▶ BEGIN IMMEDIATE
//!    ▲                 heartbeats first        each caller's closure; with savepoints when one fails
//!    └──────── answers after the commit ◀───── COMMIT at the strictest member's level
//! ```

use std::error::Error as StdError;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::batch::{self, Request, Ticket};
use super::file::{self, File};
use super::lanes::Lanes;
#[cfg(feature = "testing")]
use super::memory::MemoryFile;
use super::notes::Notes;
use super::statements::Statements;
use super::turnstile::{self, Turnstile};

/// A handle of the writer thread. Cheap to clone; the thread ends after the last handle is gone.
pub struct Writer<N: Notes = ()> {
    way: Way<N>,
}

enum Way<N: Notes> {
    Thread(Arc<Shared<N>>),
    #[cfg(feature = "testing")]
    Memory(MemoryFile),
}

struct Shared<N: Notes> {
    path: PathBuf,
    lanes: Arc<Lanes<N>>,
}

/// How a write is to be treated.
#[derive(Clone, Copy, Debug)]
pub struct Write {
    /// The operation, for logs and metrics.
    pub operation: &'static str,
    /// Whether the commit must have reached the disk before the answer (P2).
    pub flushed: bool,
    /// Which lane it waits in.
    pub lane: Lane,
    /// How long it may wait for its turn before it is withdrawn; `None` waits for ever.
    pub patience: Option<Duration>,
}

impl Write {
    /// A write that a power failure may undo.
    #[must_use]
    pub const fn relaxed(operation: &'static str) -> Self {
        Self {
            operation,
            flushed: false,
            lane: Lane::Work,
            patience: None,
        }
    }

    /// A write that is on the disk when it is answered.
    #[must_use]
    pub const fn flushed(operation: &'static str) -> Self {
        Self {
            operation,
            flushed: true,
            lane: Lane::Work,
            patience: None,
        }
    }

    /// The same write ahead of all others.
    #[must_use]
    pub const fn first(mut self) -> Self {
        self.lane = Lane::Heartbeat;
        self
    }

    /// The same write, withdrawn when it gets no turn within `patience`.
    #[must_use]
    pub const fn patience(mut self, patience: Duration) -> Self {
        self.patience = Some(patience);
        self
    }
}

/// The two lanes in front of the writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Leases are extended before anything else is written.
    Heartbeat,
    /// Everything else, first come, first served.
    Work,
}

/// A write that did not happen, or of which nobody knows.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// It got no turn in time, or too much waits already; nothing was changed.
    #[error("the writer is busy: {reason}")]
    Busy {
        /// Who holds the file, or how much waits.
        reason: String,
    },
    /// The commit failed at the disk (P3).
    #[error("the outcome of the commit is unknown")]
    OutcomeUnknown(#[source] Arc<dyn StdError + Send + Sync>),
    /// SQLite or the file system refused before the commit; nothing was changed.
    #[error("the write failed")]
    Failed(#[source] Arc<dyn StdError + Send + Sync>),
    /// The writing closure panicked, or the writer has stopped; nothing was changed.
    #[error("the write was broken off")]
    BrokenOff,
}

impl WriteError {
    /// The same error for another member of the batch.
    pub(super) fn duplicate(&self) -> Self {
        match self {
            Self::Busy { reason } => Self::Busy {
                reason: reason.clone(),
            },
            Self::OutcomeUnknown(source) => Self::OutcomeUnknown(Arc::clone(source)),
            Self::Failed(source) => Self::Failed(Arc::clone(source)),
            Self::BrokenOff => Self::BrokenOff,
        }
    }
}

/// The tables of one file.
#[derive(Clone, Copy, Debug)]
pub struct Schema {
    /// What the file is, for messages.
    pub name: &'static str,
    /// Each brings the file from the version that is its place to the next one.
    pub migrations: &'static [&'static str],
    /// KiB of the file's pages that its writer holds.
    pub cache_kib: u32,
}

impl Schema {
    /// Enough for a file whose writes lie side by side; what SQLite takes by itself.
    pub const CACHE_KIB: u32 = 2_000;
}

/// A file that could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A newer program has written it (P24).
    #[error(
        "{} is of version {found}, and this program knows {known}: start the newer program again, or give this one another data folder",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: usize,
        /// The highest version known here.
        known: usize,
    },
    /// The lock files could not be opened or locked.
    #[error("the lock beside {} cannot be used", path.display())]
    Lock {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// SQLite refused.
    #[error("{} cannot be opened", path.display())]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        #[source]
        source: rusqlite::Error,
    },
}

/// Writes that may wait at a time; more are refused as busy.
const WAITING_MAX: usize = 100_000;

impl<N: Notes> Writer<N> {
    /// Opens or makes the file, brings its schema up to date under the lock (P24) and starts the thread.
    ///
    /// # Errors
    /// [`OpenError`] says what an operator can do.
    pub fn open(path: &Path, schema: Schema) -> Result<Self, OpenError> {
        let turnstile = Turnstile::open(path).map_err(|source| OpenError::Lock {
            path: path.to_owned(),
            source,
        })?;
        let connection = open_file(path, schema, &turnstile)?;
        let lanes = Arc::new(Lanes::new(WAITING_MAX));
        let file = File::new(path.to_owned(), schema.cache_kib, connection);
        let thread = batch::Thread::new(file, turnstile, Arc::clone(&lanes));
        thread::Builder::new()
            .name(format!("write-{}", schema.name))
            .spawn(move || thread.run())
            .map_err(|source| OpenError::Lock {
                path: path.to_owned(),
                source,
            })?;
        Ok(Self {
            way: Way::Thread(Arc::new(Shared {
                path: path.to_owned(),
                lanes,
            })),
        })
    }

    /// A writer of a file in memory, without a thread.
    #[cfg(feature = "testing")]
    pub(super) fn of_memory(file: MemoryFile) -> Self {
        Self {
            way: Way::Memory(file),
        }
    }

    /// How many writes wait for their batch.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        match &self.way {
            Way::Thread(shared) => shared.lanes.waiting(),
            Way::Memory(_) => 0,
        }
    }

    /// Runs `write` in the next batch and answers after its commit. An `Err` of the closure undoes what it has
    /// written and noted, and nothing of others: then all closures of the batch may run once more, so
    /// they touch nothing but the file and the notes. Statements that the batch uses again may be kept with it.
    /// Dropping the future does not undo a write that has begun.
    ///
    /// # Errors
    /// The closure's own, or a [`WriteError`].
    pub async fn write_noting<T, E, F>(&self, how: Write, write: F) -> Result<T, E>
    where
        F: for<'c> Fn(&'c Connection, &mut Statements<'c>, &mut N) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<WriteError> + Send + 'static,
    {
        match &self.way {
            Way::Thread(shared) => shared.write(how, write).await,
            #[cfg(feature = "testing")]
            Way::Memory(file) => file.write(how, write).await,
        }
    }
}

impl Writer {
    /// [`Writer::write_noting`] for a file whose callers note nothing.
    ///
    /// # Errors
    /// The closure's own, or a [`WriteError`].
    pub async fn write<T, E, F>(&self, how: Write, write: F) -> Result<T, E>
    where
        F: Fn(&Connection) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<WriteError> + Send + 'static,
    {
        self.write_noting(how, move |connection, _, ()| write(connection))
            .await
    }
}

impl<N: Notes> Clone for Writer<N> {
    fn clone(&self) -> Self {
        let way = match &self.way {
            Way::Thread(shared) => Way::Thread(Arc::clone(shared)),
            #[cfg(feature = "testing")]
            Way::Memory(file) => Way::Memory(file.clone()),
        };
        Self { way }
    }
}

impl<N: Notes> Shared<N> {
    async fn write<T, E, F>(&self, how: Write, write: F) -> Result<T, E>
    where
        F: for<'c> Fn(&'c Connection, &mut Statements<'c>, &mut N) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<WriteError> + Send + 'static,
    {
        let (answer, mut answered) = oneshot::channel();
        let ticket = Ticket::new();
        let request = Request::new(how, ticket.clone(), write, answer);
        if !self.lanes.push(how.lane, Box::new(request)) {
            let reason = format!("{WAITING_MAX} writes wait already");
            return Err(WriteError::Busy { reason }.into());
        }
        if let Some(patience) = how.patience {
            match tokio::time::timeout(patience, &mut answered).await {
                Ok(answered) => return answered.unwrap_or_else(|_| Err(WriteError::BrokenOff.into())),
                Err(_) if ticket.withdraw() => return Err(self.busy(how, patience).into()),
                // It has begun: its outcome is worth the wait.
                Err(_) => {}
            }
        }
        answered
            .await
            .unwrap_or_else(|_| Err(WriteError::BrokenOff.into()))
    }

    fn busy(&self, how: Write, patience: Duration) -> WriteError {
        let holder = turnstile::holder(&self.path);
        tracing::warn!(
            operation = how.operation,
            waited_ms = patience.as_millis(),
            holder.pid = holder,
            "a write got no turn in time"
        );
        WriteError::Busy {
            reason: format!("no turn within {} ms", patience.as_millis()),
        }
    }
}

impl<N: Notes> Drop for Shared<N> {
    fn drop(&mut self) {
        self.lanes.close();
    }
}

fn open_file(path: &Path, schema: Schema, turnstile: &Turnstile) -> Result<Connection, OpenError> {
    let _turn = turnstile.take().map_err(|source| OpenError::Lock {
        path: path.to_owned(),
        source,
    })?;
    let sqlite = |source| OpenError::Sqlite {
        path: path.to_owned(),
        source,
    };
    let connection = file::connect(path, schema.cache_kib).map_err(sqlite)?;
    let found: i64 = connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(sqlite)?;
    let found = usize::try_from(found).unwrap_or(usize::MAX);
    let known = schema.migrations.len();
    if found > known {
        return Err(OpenError::Newer {
            path: path.to_owned(),
            found,
            known,
        });
    }
    for (version, migration) in schema.migrations.iter().enumerate().skip(found) {
        let version = version + 1;
        connection
            .execute_batch(&format!(
                "BEGIN IMMEDIATE; {migration}; PRAGMA user_version = {version}; COMMIT"
            ))
            .map_err(sqlite)?;
        tracing::info!(file = schema.name, version, "the schema was brought up to date");
    }
    Ok(connection)
}
