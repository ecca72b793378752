//! Room on the disk: nothing is taken in that would eat into the reserve (P4).

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::ports::StoreError;

/// The disk under the store, with what was admitted and is not written yet.
pub(super) struct Room {
    folder: PathBuf,
    reserve_bytes: u64,
    admitted_bytes: AtomicU64,
}

/// Bytes that count as taken until they are written, or given up.
pub(super) struct Admitted<'a> {
    room: &'a Room,
    bytes: u64,
}

impl Room {
    pub(super) fn new(folder: PathBuf, reserve_bytes: u64) -> Self {
        Self {
            folder,
            reserve_bytes,
            admitted_bytes: AtomicU64::new(0),
        }
    }

    /// Admits a body of so many bytes beside all that are under way.
    pub(super) fn admit(&self, bytes: usize) -> Result<Admitted<'_>, StoreError> {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let before = self.admitted_bytes.fetch_add(bytes, Ordering::Relaxed);
        let admitted = Admitted { room: self, bytes };
        // A file system that does not say how full it is refuses the write itself when it is.
        let Ok(disk) = rustix::fs::statvfs(&self.folder) else {
            return Ok(admitted);
        };
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        let wanted = self.reserve_bytes.saturating_add(before).saturating_add(bytes);
        if free < wanted {
            return Err(StoreError::Busy {
                reason: format!("{free} bytes are free, and {wanted} are spoken for"),
            });
        }
        Ok(admitted)
    }
}

impl Drop for Admitted<'_> {
    fn drop(&mut self) {
        self.room.admitted_bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p4_bodies_under_way_count_as_taken() {
        let folder = tempfile::tempdir().unwrap();
        let disk = rustix::fs::statvfs(folder.path()).unwrap();
        let free = disk.f_bavail * disk.f_frsize;
        let third = usize::try_from(free / 3).unwrap();
        let room = Room::new(folder.path().to_owned(), free / 3);
        let first = room.admit(third).unwrap();
        assert!(matches!(room.admit(third * 2), Err(StoreError::Busy { .. })));
        drop(first);
        assert_eq!(
            room.admitted_bytes.load(Ordering::Relaxed),
            0,
            "what was refused or written is let go"
        );
    }
}
