//! Room on the disk: nothing is taken in that would eat into the reserve (P4).

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::ports::StoreError;

/// How long the file system's word on its free space holds, less what was written since.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The disk under the store, with what was admitted and is not written yet.
pub(super) struct Room {
    folder: PathBuf,
    reserve_bytes: u64,
    admitted_bytes: AtomicU64,
    /// Of what was admitted, the part that was written, or given up, after the last look.
    ended_bytes: AtomicU64,
    looked: Mutex<Option<Look>>,
}

#[derive(Clone, Copy)]
struct Look {
    at: Instant,
    free_bytes: u64,
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
            ended_bytes: AtomicU64::new(0),
            looked: Mutex::default(),
        }
    }

    /// Admits a body of so many bytes beside all that are under way.
    pub(super) fn admit(&self, bytes: usize) -> Result<Admitted<'_>, StoreError> {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let before = self.admitted_bytes.fetch_add(bytes, Ordering::Relaxed);
        let admitted = Admitted { room: self, bytes };
        // A file system that does not say how full it is refuses the write itself when it is.
        let Some(free) = self.free_bytes() else {
            return Ok(admitted);
        };
        let wanted = self.reserve_bytes.saturating_add(before).saturating_add(bytes);
        if free < wanted {
            return Err(StoreError::Busy {
                reason: format!("{free} bytes are free, and {wanted} are spoken for"),
            });
        }
        Ok(admitted)
    }

    fn free_bytes(&self) -> Option<u64> {
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = looked.filter(|look| look.at.elapsed() < LOOK_EVERY);
        if fresh.is_none() {
            // Zero before the look: what ends in between counts twice rather than never.
            self.ended_bytes.store(0, Ordering::Relaxed);
            *looked = rustix::fs::statvfs(&self.folder).ok().map(|disk| Look {
                at: Instant::now(),
                free_bytes: disk.f_bavail.saturating_mul(disk.f_frsize),
            });
        }
        let ended = self.ended_bytes.load(Ordering::Relaxed);
        looked.map(|look| look.free_bytes.saturating_sub(ended))
    }
}

impl Drop for Admitted<'_> {
    fn drop(&mut self) {
        self.room.ended_bytes.fetch_add(self.bytes, Ordering::Relaxed);
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
