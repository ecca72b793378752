//! The file of a writer: opened, and opened again after a commit that has failed (P3).

use std::error::Error as StdError;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::config::DbConfig;

/// Pages in the WAL after which a commit also checkpoints: 16 MiB.
const CHECKPOINT_PAGES: u32 = 4_000;
/// The WAL file is cut to this many bytes when a checkpoint has emptied it.
const WAL_KEPT_BYTES: u32 = 64 * 1024 * 1024;
/// How long a reader may recover the WAL.
const RECOVERY_ENDS: Duration = Duration::from_secs(5);
/// P9: a reader of ours ends within a second. Others wait for their turn meanwhile.
const READERS_END: Duration = Duration::from_secs(1);
/// How long a failed file is left alone before it is opened again.
const REOPEN_EVERY: Duration = Duration::from_millis(200);

/// The connection of a writer's thread.
pub(super) struct File {
    path: PathBuf,
    cache_kib: u32,
    connection: Option<Connection>,
    flushing: bool,
}

impl File {
    /// The file that `connection`, made by [`connect`], has open.
    pub(super) fn new(path: PathBuf, cache_kib: u32, connection: Connection) -> Self {
        Self {
            path,
            cache_kib,
            connection: Some(connection),
            flushing: true,
        }
    }

    /// The connection is not used any more: the next one recovers the WAL and shows what is really there.
    pub(super) fn give_up(&mut self) {
        self.connection = None;
    }

    /// Begins a transaction; on a new connection, where a commit has failed on the last one.
    pub(super) fn begin(&mut self, flush: bool) -> rusqlite::Result<&Connection> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.reopen().inspect_err(|source| {
                let error: &dyn StdError = source;
                tracing::error!(error, "the store cannot be used again yet");
                std::thread::park_timeout(REOPEN_EVERY);
            })?,
        };
        if let Err(source) = begin(&connection, flush, self.flushing) {
            tracing::error!(error = &source as &dyn StdError, "a batch could not begin");
            return Err(source);
        }
        self.flushing = flush;
        Ok(self.connection.insert(connection))
    }

    /// P3: nothing is accepted before all that stands in the WAL is in the database, and the WAL begins anew: what is
    /// written behind frames that a flush has lost is lost with them. A reader may hold that up.
    fn reopen(&mut self) -> rusqlite::Result<Connection> {
        let connection = connect(&self.path, self.cache_kib)?;
        self.flushing = true;
        connection.busy_timeout(READERS_END)?;
        let busy: bool = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
        connection.busy_timeout(RECOVERY_ENDS)?;
        if busy {
            return Err(rusqlite::Error::SqliteFailure(
                rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY),
                Some("a reader keeps the WAL from being checkpointed".to_owned()),
            ));
        }
        tracing::info!("the store was opened again after a failed commit");
        Ok(connection)
    }
}

/// Opens a connection that writes.
pub(super) fn connect(path: &Path, cache_kib: u32) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    // Other writers stand in the turnstile; what is left is a reader's recovery of the WAL.
    connection.busy_timeout(RECOVERY_ENDS)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    connection.pragma_update(None, "journal_size_limit", WAL_KEPT_BYTES)?;
    // Without it SQLite plans anew whenever the number behind a LIMIT is bound.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    // SQLite takes what is negative for KiB, and what is positive for pages.
    connection.pragma_update(None, "cache_size", -i64::from(cache_kib))?;
    connection.set_prepared_statement_cache_capacity(256);
    Ok(connection)
}

fn begin(connection: &Connection, flush: bool, flushing: bool) -> rusqlite::Result<()> {
    if flush != flushing {
        // Only between transactions does SQLite take another level.
        connection.pragma_update(None, "synchronous", if flush { "FULL" } else { "NORMAL" })?;
    }
    connection
        .prepare_cached("BEGIN IMMEDIATE")?
        .execute([])
        .map(drop)
}
