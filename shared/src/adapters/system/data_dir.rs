//! The data folder: made when missing, local, and locked against processes of another profile.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::statfs;

/// The data folder of a running process. Its lock ends with the process.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    _lock: File,
}

/// Who may use the folder at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// This process alone: profile `embedded`.
    Alone,
    /// Any number of processes of the profile `brokers`.
    Shared,
}

/// A folder that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// It cannot be made or opened.
    #[error("the data folder {} cannot be used", path.display())]
    Unusable {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Another process has it.
    #[error(
        "the data folder {} is in use by another process of Census: stop that one, or choose another folder with --data-dir",
        path.display()
    )]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// Its locks and shared memory do not hold between hosts.
    #[error(
        "the data folder {} is on a network file system ({kind}), where SQLite can lose data: choose a local one with --data-dir",
        path.display()
    )]
    Network {
        /// The folder.
        path: PathBuf,
        /// The file system.
        kind: &'static str,
    },
}

/// Magic numbers of `statfs(2)`.
const NETWORK_FILE_SYSTEMS: [(u64, &str); 8] = [
    (0x6969, "NFS"),
    (0x517B, "SMB"),
    (0xFF53_4D42, "CIFS"),
    (0xFE53_4D42, "SMB2"),
    (0x0102_1997, "9P"),
    (0x00C3_6400, "Ceph"),
    (0x0BD0_0BD0, "Lustre"),
    (0x5346_414F, "AFS"),
];

impl DataDir {
    /// Makes the folder when it is missing, checks it and locks it.
    ///
    /// # Errors
    /// [`DataDirError`] says what an operator can do.
    pub fn open(path: &Path, sharing: Sharing) -> Result<Self, DataDirError> {
        let unusable = |source| DataDirError::Unusable {
            path: path.to_owned(),
            source,
        };
        std::fs::create_dir_all(path).map_err(unusable)?;
        if let Some(kind) = network_file_system(path).map_err(unusable)? {
            return Err(DataDirError::Network {
                path: path.to_owned(),
                kind,
            });
        }
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(path.join("census.lock"))
            .map_err(unusable)?;
        let locked = match sharing {
            Sharing::Alone => lock.try_lock(),
            Sharing::Shared => lock.try_lock_shared(),
        };
        match locked {
            Ok(()) => Ok(Self {
                path: path.to_owned(),
                _lock: lock,
            }),
            Err(TryLockError::WouldBlock) => Err(DataDirError::InUse {
                path: path.to_owned(),
            }),
            Err(TryLockError::Error(source)) => Err(unusable(source)),
        }
    }

    /// The path of a file in the folder.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

fn network_file_system(path: &Path) -> io::Result<Option<&'static str>> {
    // The field's type differs between platforms; the magic numbers are 32 bits wide on all of them.
    let magic = statfs(path)?.f_type as u64 & 0xFFFF_FFFF;
    Ok(NETWORK_FILE_SYSTEMS
        .into_iter()
        .find(|(known, _)| *known == magic)
        .map(|(_, kind)| kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_process_is_kept_out_of_an_embedded_folder() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("made/when/missing");
        let first = DataDir::open(&path, Sharing::Alone).unwrap();
        for sharing in [Sharing::Alone, Sharing::Shared] {
            let refused = DataDir::open(&path, sharing).unwrap_err();
            assert!(matches!(refused, DataDirError::InUse { .. }), "{refused}");
        }
        drop(first);
        let _one = DataDir::open(&path, Sharing::Shared).unwrap();
        let _other = DataDir::open(&path, Sharing::Shared).unwrap();
        assert!(matches!(
            DataDir::open(&path, Sharing::Alone),
            Err(DataDirError::InUse { .. })
        ));
    }
}
