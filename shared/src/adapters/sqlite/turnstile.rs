//! The fair lock between the processes that write one SQLite file (P9).
//!
//! Two lock files stand beside the database. A writer locks the turnstile, then the writer's lock, then lets the
//! turnstile go: who unlocks cannot lock again before the one that waits in the turnstile. The kernel drops both
//! locks with their process.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Both lock files, open for the life of the writer.
#[derive(Debug)]
pub(super) struct Turnstile {
    turnstile: File,
    writer: File,
}

/// Held while a process writes; dropping it lets the next one in.
pub(super) struct Turn<'a> {
    writer: &'a File,
}

impl Turnstile {
    /// Opens, or makes, the lock files beside `database`.
    pub(super) fn open(database: &Path) -> io::Result<Self> {
        let open = |extension: &str| {
            OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .open(database.with_added_extension(extension))
        };
        Ok(Self {
            turnstile: open("turn")?,
            writer: open("lock")?,
        })
    }

    /// Waits for this process's turn.
    pub(super) fn take(&self) -> io::Result<Turn<'_>> {
        self.turnstile.lock()?;
        let writer = self.writer.lock();
        self.turnstile.unlock()?;
        writer?;
        // So that whoever waits too long can name the holder. Spaces overwrite a longer pid.
        self.writer
            .write_all_at(format!("{:<10}\n", std::process::id()).as_bytes(), 0)?;
        Ok(Turn { writer: &self.writer })
    }
}

/// The pid of the process that took the last turn at `database`.
pub(super) fn holder(database: &Path) -> Option<u32> {
    std::fs::read_to_string(database.with_added_extension("lock"))
        .ok()?
        .trim()
        .parse()
        .ok()
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.writer.unlock() {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "the writer's lock cannot be let go"
            );
        }
    }
}
