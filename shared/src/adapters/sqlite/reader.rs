//! Read access to one SQLite file: a pool of connections that never wait for the writer.

use std::path::Path;
use std::time::Duration;

use deadpool::managed::{
    BuildError, Hook, HookError, Manager, Metrics, Pool, PoolError, RecycleError, RecycleResult, Timeouts,
};
use deadpool_sqlite::{Config, Runtime};
use rusqlite::Connection;
use rusqlite::config::DbConfig;

#[cfg(feature = "testing")]
use super::memory::MemoryFile;

/// A pool of reading connections. Cheap to clone.
#[derive(Clone)]
pub struct Reader {
    way: Way,
}

#[derive(Clone)]
enum Way {
    Pool(Pool<Connections>),
    #[cfg(feature = "testing")]
    Memory(MemoryFile),
}

/// A read that did not happen.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The pool could not be built.
    #[error("no pool of connections to read with")]
    NoPool(#[from] BuildError),
    /// No connection was free in time, or none could be opened.
    #[error("no connection to read with")]
    NoConnection(#[from] PoolError<rusqlite::Error>),
    /// The reading closure panicked, or the pool was closed.
    #[error("the read was broken off: {0}")]
    BrokenOff(String),
    /// SQLite refused.
    #[error("SQLite refused the read")]
    Sqlite(#[from] rusqlite::Error),
}

/// How long a hurried read waits for a free connection, and any read for a new one.
const WAIT_MAX: Duration = Duration::from_secs(5);

impl Reader {
    /// A pool of at most `size` connections to a file that a [`super::Writer`] has opened before.
    ///
    /// # Errors
    /// [`ReadError::NoPool`].
    pub fn open(path: &Path, size: usize) -> Result<Self, ReadError> {
        Self::pool(path, size, Some(WAIT_MAX))
    }

    /// The same for work that takes many reads: each waits for as many as are before it.
    ///
    /// # Errors
    /// [`ReadError::NoPool`].
    pub fn unhurried(path: &Path, size: usize) -> Result<Self, ReadError> {
        Self::pool(path, size, None)
    }

    fn pool(path: &Path, size: usize, wait: Option<Duration>) -> Result<Self, ReadError> {
        let timeouts = Timeouts {
            wait,
            create: Some(WAIT_MAX),
            recycle: None,
        };
        let pool = Pool::builder(Connections::to(path))
            .runtime(Runtime::Tokio1)
            .max_size(size)
            .timeouts(timeouts)
            .post_create(Hook::async_fn(
                |connection: &mut <Connections as Manager>::Type, _| {
                    Box::pin(async move {
                        match connection.interact(prepare).await {
                            Ok(Ok(())) => Ok(()),
                            Ok(Err(source)) => Err(HookError::Backend(source)),
                            Err(fault) => Err(HookError::message(fault.to_string())),
                        }
                    })
                },
            ))
            .build()?;
        Ok(Self { way: Way::Pool(pool) })
    }

    /// A reader of a file in memory, without a pool.
    #[cfg(feature = "testing")]
    pub(super) fn of_memory(file: MemoryFile) -> Self {
        Self {
            way: Way::Memory(file),
        }
    }

    /// Runs `read` in one read transaction: all it sees is one snapshot. It must end within a second (P9), and
    /// it goes on although the caller is gone.
    ///
    /// # Errors
    /// The closure's own, or a [`ReadError`].
    pub async fn read<T, E, F>(&self, read: F) -> Result<T, E>
    where
        F: FnOnce(&Connection) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<ReadError> + Send + 'static,
    {
        match &self.way {
            Way::Pool(pool) => read_pooled(pool, read).await,
            #[cfg(feature = "testing")]
            Way::Memory(file) => file.read(read).await,
        }
    }
}

/// Connections that are handed out again as they are. [`deadpool_sqlite::Manager`] asks each a question first, on a thread
/// for blocking work as the read itself: a second trip there and back that a file does not need.
struct Connections(deadpool_sqlite::Manager);

impl Connections {
    fn to(path: &Path) -> Self {
        Self(deadpool_sqlite::Manager::from_config(
            &Config::new(path),
            Runtime::Tokio1,
        ))
    }
}

impl Manager for Connections {
    type Type = <deadpool_sqlite::Manager as Manager>::Type;
    type Error = rusqlite::Error;

    async fn create(&self) -> rusqlite::Result<Self::Type> {
        self.0.create().await
    }

    async fn recycle(&self, connection: &mut Self::Type, _: &Metrics) -> RecycleResult<rusqlite::Error> {
        if connection.is_mutex_poisoned() {
            return Err(RecycleError::message("a read panicked on it"));
        }
        Ok(())
    }
}

async fn read_pooled<T, E, F>(pool: &Pool<Connections>, read: F) -> Result<T, E>
where
    F: FnOnce(&Connection) -> Result<T, E> + Send + 'static,
    T: Send + 'static,
    E: From<ReadError> + Send + 'static,
{
    let connection = pool.get().await.map_err(ReadError::from)?;
    let result = connection
        .interact(move |connection| in_snapshot(connection, read))
        .await;
    result.unwrap_or_else(|fault| Err(ReadError::BrokenOff(fault.to_string()).into()))
}

/// Runs `read` in one read transaction.
pub(super) fn in_snapshot<T, E, F>(connection: &mut Connection, read: F) -> Result<T, E>
where
    F: FnOnce(&Connection) -> Result<T, E>,
    E: From<ReadError>,
{
    let snapshot = connection.transaction().map_err(ReadError::from)?;
    let result = read(&snapshot)?;
    snapshot.finish().map_err(ReadError::from)?;
    Ok(result)
}

fn prepare(connection: &mut Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "query_only", true)?;
    // Opening the WAL of a file that another process recovers is the one thing that a reader waits for.
    connection.busy_timeout(Duration::from_secs(5))?;
    // Without it SQLite plans anew whenever the number behind a LIMIT is bound.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(128);
    Ok(())
}
