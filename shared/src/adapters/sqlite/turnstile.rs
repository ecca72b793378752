//! The fair lock between the processes that write one SQLite file (P9).
//!
//! Two lock files stand beside the database. A writer locks the turnstile, then the writer's lock, then lets the
//! turnstile go: who unlocks cannot lock again before the one that waits in the turnstile. The kernel drops both
//! locks with their process.
//!
//! A turn that has brought news says so by a write to the turnstile's file, which other processes watch.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

const TURNSTILE: &str = "turn";
const WRITER: &str = "lock";

/// Both lock files, open for the life of the writer.
#[derive(Debug)]
pub(super) struct Turnstile {
    turnstile: File,
    writer: File,
}

/// Held while a process writes; dropping it lets the next one in.
pub(super) struct Turn<'a> {
    turnstile: &'a File,
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
            turnstile: open(TURNSTILE)?,
            writer: open(WRITER)?,
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
        Ok(Turn {
            turnstile: &self.turnstile,
            writer: &self.writer,
        })
    }
}

/// The file beside `database` that a turn with news writes to.
pub(super) fn news_of(database: &Path) -> PathBuf {
    database.with_added_extension(TURNSTILE)
}

/// The pid of the process that took the last turn at `database`.
pub(super) fn holder(database: &Path) -> Option<u32> {
    std::fs::read_to_string(database.with_added_extension(WRITER))
        .ok()?
        .trim()
        .parse()
        .ok()
}

impl Turn<'_> {
    /// Lets the next one in and, where others wait to hear of what was written, tells them.
    pub(super) fn end(self, news: bool) {
        let turnstile = self.turnstile;
        drop(self);
        if news {
            // Who hears nothing looks by itself a while later.
            let _ = turnstile.write_all_at(b"\n", 0);
        }
    }
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
