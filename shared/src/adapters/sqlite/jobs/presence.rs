//! Which worker processes live: each holds a lock beside the store that only its end lets go (P13).
//!
//! A process that stops cleanly takes its file away. One that is killed leaves the file behind, unlocked; one that
//! is paused, however long, keeps it locked. So a lapse after a pause, a stop or another boot is no death.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use crate::job::WorkerId;
use crate::ports::Attendance;

/// The folder of locks beside one store.
pub(super) struct Presence {
    folder: PathBuf,
}

/// One living process.
struct Present {
    path: PathBuf,
    // Held for its lock.
    _file: File,
}

impl Presence {
    /// The folder beside the store at `path`.
    pub(super) fn beside(path: &Path) -> Self {
        Self {
            folder: path.with_extension("workers"),
        }
    }

    /// Locks this process's file.
    pub(super) fn attend(&self, worker: &WorkerId) -> io::Result<Box<dyn Attendance>> {
        fs::create_dir_all(&self.folder)?;
        let path = self.folder.join(&worker.0);
        // Under its name only once it is locked: a file that is not would look like a death.
        let unnamed = path.with_extension("new");
        let file = File::create(&unnamed)?;
        file.lock()?;
        fs::rename(&unnamed, &path)?;
        Ok(Box::new(Present { path, _file: file }))
    }

    /// Whether the process ended without taking its file away.
    pub(super) fn has_vanished(&self, worker: &str) -> bool {
        let Ok(file) = File::open(self.folder.join(worker)) else {
            return false;
        };
        match file.try_lock_shared() {
            Ok(()) => true,
            Err(TryLockError::WouldBlock | TryLockError::Error(_)) => false,
        }
    }

    /// Takes away the files of processes that have vanished, but for those that `counts` still asks about.
    pub(super) fn forget(&self, counts: &[String]) -> io::Result<()> {
        let files = match fs::read_dir(&self.folder) {
            Ok(files) => files,
            Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(fault) => return Err(fault),
        };
        for file in files {
            let file = file?;
            let Ok(worker) = file.file_name().into_string() else {
                continue;
            };
            if !counts.contains(&worker) && self.has_vanished(&worker) {
                fs::remove_file(file.path())?;
            }
        }
        Ok(())
    }
}

impl Attendance for Present {}

impl Drop for Present {
    fn drop(&mut self) {
        // What stays behind is taken for a death at worst, and a first death fails nothing.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p13_only_a_process_that_ends_without_a_word_has_vanished() {
        let folder = tempfile::tempdir().unwrap();
        let presence = Presence::beside(&folder.path().join("jobs.sqlite"));
        let worker = WorkerId("w-1".to_owned());
        assert!(!presence.has_vanished("w-1"), "it was never here");
        let present = presence.attend(&worker).unwrap();
        assert!(!presence.has_vanished("w-1"), "it lives");
        presence.forget(&[]).unwrap();
        assert!(!presence.has_vanished("w-1"), "and stays");
        drop(present);
        assert!(!presence.has_vanished("w-1"), "it stopped cleanly");
        File::create(folder.path().join("jobs.workers").join("w-1")).unwrap();
        assert!(presence.has_vanished("w-1"), "it was killed");
        presence.forget(&["w-1".to_owned()]).unwrap();
        assert!(presence.has_vanished("w-1"), "its tasks have not been taken back");
        presence.forget(&[]).unwrap();
        assert!(!presence.has_vanished("w-1"), "nothing of it is left");
    }
}
