//! A SQLite file in memory, for simulations: every transaction runs at once on its caller's thread, and a [`Seam`]
//! says what happens around it. A [`MemoryDisk`] forgets in a power failure what was not flushed (P2).

mod locks;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use rusqlite::Connection;
use tokio::sync::oneshot;

pub use self::locks::MemoryLocks;

use super::batch::{self, Request, Ticket, Work};
use super::notes::Notes;
use super::reader::{ReadError, in_snapshot};
use super::statements::Statements;
use super::writer::{Schema, Write, WriteError};

/// What a simulation does to one process at the edges of its transactions.
#[async_trait]
pub trait Seam: Send + Sync {
    /// Before a transaction begins. An error refuses it; a process that is dead never returns.
    ///
    /// # Errors
    /// Any [`WriteError`].
    async fn enter(&self, operation: &'static str) -> Result<(), WriteError>;

    /// What becomes of the commit.
    fn fate(&self, operation: &'static str) -> Fate;

    /// Sees the file after a commit that took effect, before anybody else does.
    fn committed(&self, operation: &'static str, connection: &Connection);

    /// After a transaction, before its caller has the answer.
    async fn leave(&self, operation: &'static str);
}

/// What becomes of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It takes effect.
    Commit,
    /// It fails, and nothing of it took effect (P3).
    Fail,
    /// It fails, and all of it took effect (P3).
    FailAfterEffect,
}

/// The disk under one file, with the image of what has reached it.
pub struct MemoryDisk {
    inside: Mutex<Inside>,
    locks: Arc<MemoryLocks>,
}

struct Inside {
    connection: Connection,
    flushed: Vec<u8>,
}

/// The name under which SQLite knows the one database of a connection.
const MAIN: &str = "main";
/// Making the tables costs more than a whole simulated minute; each schema is made once.
static EMPTY: Mutex<BTreeMap<&'static str, Vec<u8>>> = Mutex::new(BTreeMap::new());

impl MemoryDisk {
    pub(super) fn new(schema: Schema) -> rusqlite::Result<Arc<Self>> {
        let mut empty = EMPTY.lock().unwrap_or_else(PoisonError::into_inner);
        let image = match empty.get(schema.name) {
            Some(image) => image.clone(),
            None => {
                let connection = Connection::open_in_memory()?;
                for migration in schema.migrations {
                    connection.execute_batch(migration)?;
                }
                let image = connection.serialize(MAIN)?.to_vec();
                empty.insert(schema.name, image.clone());
                image
            }
        };
        let mut connection = Connection::open_in_memory()?;
        load(&mut connection, &image)?;
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.set_prepared_statement_cache_capacity(256);
        Ok(Arc::new(Self {
            inside: Mutex::new(Inside {
                connection,
                flushed: image,
            }),
            locks: Arc::default(),
        }))
    }

    /// The system writes back all that was committed, as it may at any time.
    ///
    /// # Errors
    /// SQLite's.
    pub fn write_back(&self) -> rusqlite::Result<()> {
        self.inside().flush()
    }

    /// The power fails and comes back: what no flush had reached is gone.
    ///
    /// # Errors
    /// SQLite's.
    pub fn fail_power(&self) -> rusqlite::Result<()> {
        let mut inside = self.inside();
        let Inside { connection, flushed } = &mut *inside;
        load(connection, flushed)
    }

    /// The locks beside the file.
    #[must_use]
    pub fn locks(&self) -> &Arc<MemoryLocks> {
        &self.locks
    }

    /// Looks at the file from outside of the simulation.
    pub fn look<T>(&self, look: impl FnOnce(&Connection) -> T) -> T {
        look(&self.inside().connection)
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inside {
    fn flush(&mut self) -> rusqlite::Result<()> {
        let image = self.connection.serialize(MAIN)?;
        self.flushed.clear();
        self.flushed.extend_from_slice(&image);
        Ok(())
    }

    /// Runs one caller's work as a transaction of its own.
    fn transact<N: Notes>(&mut self, work: &mut dyn Work<N>, fate: Fate) -> rusqlite::Result<()> {
        self.connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let mut notes = N::default();
        batch::run_alone(&self.connection, work, &mut Statements::default(), &mut notes)?;
        notes.write(&self.connection)?;
        let end = if fate == Fate::Fail { "ROLLBACK" } else { "COMMIT" };
        self.connection.prepare_cached(end)?.execute([])?;
        if work.how().flushed && fate != Fate::Fail {
            self.flush()?;
        }
        match fate {
            Fate::Commit => Ok(()),
            Fate::Fail | Fate::FailAfterEffect => Err(rusqlite::Error::InvalidQuery),
        }
    }
}

fn load(connection: &mut Connection, image: &[u8]) -> rusqlite::Result<()> {
    connection.flush_prepared_statement_cache();
    connection.deserialize_read_exact(MAIN, image, image.len(), false)
}

/// One process's hold of a file in memory.
#[derive(Clone)]
pub struct MemoryFile {
    disk: Arc<MemoryDisk>,
    seam: Arc<dyn Seam>,
}

impl MemoryFile {
    pub(super) fn new(disk: Arc<MemoryDisk>, seam: Arc<dyn Seam>) -> Self {
        Self { disk, seam }
    }

    pub(super) async fn write<T, E, F, N>(&self, how: Write, write: F) -> Result<T, E>
    where
        N: Notes,
        F: for<'c> Fn(&'c Connection, &mut Statements<'c>, &mut N) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<WriteError> + Send + 'static,
    {
        self.seam.enter(how.operation).await?;
        let (answer, mut answered) = oneshot::channel();
        let request = Request::new(how, Ticket::new(), write, answer);
        self.run::<N>(Box::new(request), self.seam.fate(how.operation));
        self.seam.leave(how.operation).await;
        answered
            .try_recv()
            .unwrap_or_else(|_| Err(WriteError::BrokenOff.into()))
    }

    fn run<N: Notes>(&self, mut work: Box<dyn Work<N>>, fate: Fate) {
        let how = work.how();
        let mut inside = self.disk.inside();
        let committed = inside.transact(work.as_mut(), fate).map_err(batch::unknown);
        if fate != Fate::Fail {
            self.seam.committed(how.operation, &inside.connection);
        }
        batch::answer_all(vec![work], &committed);
    }

    pub(super) async fn read<T, E, F>(&self, read: F) -> Result<T, E>
    where
        F: FnOnce(&Connection) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<ReadError> + Send + 'static,
    {
        const OPERATION: &str = "read";
        if let Err(refused) = self.seam.enter(OPERATION).await {
            return Err(ReadError::BrokenOff(refused.to_string()).into());
        }
        let result = in_snapshot(&mut self.disk.inside().connection, read);
        self.seam.leave(OPERATION).await;
        result
    }
}
