//! The way of committed pages from the WAL into the file, beside the writer: hardly any commit waits for it (P9).
//!
//! A thread copies while the writer goes on. Since the writer appends meanwhile, a copy is rarely complete, and only a
//! WAL that was copied whole begins anew. So the writer itself copies the little that is missing once the WAL is long.

use std::cell::Cell;
use std::error::Error as StdError;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use rusqlite::Connection;

/// Pages that the WAL grows by until the thread copies them: 4 MiB.
const COPY_PAGES: u32 = 1_000;
/// Pages of a WAL that is to begin anew: 16 MiB.
const LONG_PAGES: u32 = 4_000;
/// What the writer copies itself then, at most: 2 MiB.
const REST_PAGES: u32 = 500;
/// Pages of a WAL that the thread does not keep up with: 64 MiB. Then the writer copies all there is.
pub(super) const BOUND_PAGES: u32 = 16_000;

thread_local! {
    /// Pages in the WAL after the last commit of this thread.
    static WAL_PAGES: Cell<u32> = const { Cell::new(0) };
}

/// Has the connection tell how long the WAL is, in place of SQLite's own checkpoints within a commit.
pub(super) fn watch(connection: &Connection) {
    connection.wal_hook(Some(|_, pages| {
        WAL_PAGES.set(u32::try_from(pages).unwrap_or(0));
        Ok(())
    }));
}

/// Copies beside the writer that owns it. The thread ends with it.
pub(super) struct Checkpointer {
    /// Pages of the WAL that are in the file.
    copied: Arc<AtomicU32>,
    wake: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What is to be done after a commit.
#[derive(Debug, PartialEq, Eq)]
enum Due {
    Nothing,
    /// The thread copies.
    Copy,
    /// The writer copies the rest.
    Finish,
}

impl Checkpointer {
    /// Starts the thread for the file at `path`.
    pub(super) fn start(path: &Path, name: &str) -> io::Result<Self> {
        let copied = Arc::new(AtomicU32::new(0));
        // One wake-up that waits is enough: it copies whatever is there by then.
        let (wake, woken) = sync_channel(1);
        let thread = {
            let (path, copied) = (path.to_owned(), Arc::clone(&copied));
            thread::Builder::new()
                .name(format!("check-{name}"))
                .spawn(move || run(&path, &woken, &copied))?
        };
        Ok(Self {
            copied,
            wake: Some(wake),
            thread: Some(thread),
        })
    }

    /// Looks at the WAL after a commit of this thread; true when the writer should [`finish`](Self::finish) while
    /// nobody else writes.
    pub(super) fn committed(&self) -> bool {
        let pages = WAL_PAGES.get();
        // A WAL that has begun anew is shorter than what was copied of the one before.
        if self.copied.load(Ordering::Acquire) > pages {
            self.copied.store(0, Ordering::Release);
        }
        match due(pages, self.copied.load(Ordering::Acquire)) {
            Due::Nothing => false,
            Due::Copy => {
                if let Some(wake) = &self.wake {
                    let _ = wake.try_send(());
                }
                false
            }
            Due::Finish => true,
        }
    }

    /// Copies what is missing, so that the next commit begins the WAL anew. A reader may stand in the way; then it
    /// goes on with the next commit.
    pub(super) fn finish(&self, connection: &Connection) {
        if let Some(copied) = copy(connection) {
            self.copied.store(copied, Ordering::Release);
        }
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        drop(self.wake.take());
        if let Some(thread) = self.thread.take() {
            // It has nothing to say but that it panicked, which was logged.
            let _ = thread.join();
        }
    }
}

fn due(pages: u32, copied: u32) -> Due {
    let rest = pages.saturating_sub(copied);
    if pages >= BOUND_PAGES || (pages >= LONG_PAGES && rest <= REST_PAGES) {
        Due::Finish
    } else if rest >= COPY_PAGES {
        Due::Copy
    } else {
        Due::Nothing
    }
}

fn run(path: &Path, woken: &Receiver<()>, copied: &AtomicU32) {
    let mut connection = None;
    while woken.recv().is_ok() {
        if connection.is_none() {
            connection = open(path);
        }
        if let Some(pages) = connection.as_ref().and_then(copy) {
            copied.store(pages, Ordering::Release);
        }
    }
}

fn open(path: &Path) -> Option<Connection> {
    match Connection::open(path) {
        Ok(connection) => Some(connection),
        Err(error) => {
            failed(&error);
            None
        }
    }
}

/// Copies as far as no reader forbids; returns how many pages of the WAL are in the file now. `None` when another
/// is at it, or the disk failed: the pages stay in the WAL, where they are as safe.
fn copy(connection: &Connection) -> Option<u32> {
    let copied: rusqlite::Result<(bool, i64)> = connection
        .prepare_cached("PRAGMA wal_checkpoint(PASSIVE)")
        .and_then(|mut statement| statement.query_row([], |row| Ok((row.get(0)?, row.get(2)?))));
    match copied {
        Ok((false, pages)) => u32::try_from(pages).ok(),
        Ok((true, _)) => None,
        Err(error) => {
            failed(&error);
            None
        }
    }
}

fn failed(error: &rusqlite::Error) {
    tracing::warn!(
        error = error as &dyn StdError,
        "the WAL was not checkpointed; it grows until that succeeds"
    );
}

#[cfg(test)]
mod tests;
