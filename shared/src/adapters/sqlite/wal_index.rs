//! How a process sees for the price of one small read that some process has committed to a SQLite file.
//!
//! In WAL mode every commit rewrites the header of the wal-index, the file `-shm` beside the database, after its
//! frames are in the WAL (SQLite's "WAL-mode File Format", section 2.1). Its bytes are only compared, never read.
//!
//! The file is never closed: SQLite's locks on it are POSIX locks, and a process that closes any descriptor of a file
//! loses all its locks of it.

use std::fs::File;
use std::mem::ManuallyDrop;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// One copy of the header.
const HEADER_BYTES: usize = 48;

/// The wal-index of a database.
pub(super) struct WalIndex {
    path: PathBuf,
    /// Never closed. A process looks at one file, so it is one descriptor that stays.
    file: Option<ManuallyDrop<File>>,
}

/// What the header held. Two that are equal had no commit between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CommitStamp([u8; HEADER_BYTES]);

impl WalIndex {
    /// The wal-index beside `database`, which need not be there yet.
    pub(super) fn beside(database: &Path) -> Self {
        let mut path = database.as_os_str().to_owned();
        path.push("-shm");
        Self {
            path: path.into(),
            file: None,
        }
    }

    /// The stamp of the last commit; `None` where it cannot be read. It reads what is in memory anyway, so it may be
    /// asked from async code.
    pub(super) fn stamp(&mut self) -> Option<CommitStamp> {
        if self.file.is_none() {
            self.file = File::open(&self.path).ok().map(ManuallyDrop::new);
        }
        let mut header = [0; HEADER_BYTES];
        let read = self.file.as_ref()?.read_exact_at(&mut header, 0);
        read.ok().map(|()| CommitStamp(header))
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    #[test]
    fn a_commit_of_another_connection_changes_the_stamp_and_nothing_else_does() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("some.db");
        let mut index = WalIndex::beside(&path);
        assert_eq!(index.stamp(), None);
        let writer = Connection::open(&path).unwrap();
        writer.pragma_update(None, "journal_mode", "WAL").unwrap();
        writer.execute_batch("CREATE TABLE t (n INTEGER)").unwrap();
        let reader = Connection::open(&path).unwrap();
        let first = index.stamp().unwrap();
        let count = |n: i64| {
            let counted: i64 = reader
                .query_row("SELECT count(*) FROM t", [], |row| row.get(0))
                .unwrap();
            assert_eq!(counted, n);
        };
        count(0);
        writer
            .execute_batch("BEGIN IMMEDIATE; INSERT INTO t VALUES (1)")
            .unwrap();
        assert_eq!(index.stamp(), Some(first), "nothing is committed yet");
        writer.execute_batch("COMMIT").unwrap();
        let second = index.stamp().unwrap();
        assert_ne!(second, first);
        count(1);
        assert_eq!(index.stamp(), Some(second));
    }
}
