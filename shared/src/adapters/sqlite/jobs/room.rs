//! Room on the disk: nothing is taken in that would eat into the reserve (P4). Pages that were freed within the file are
//! room, too: a file does not shrink, and who emptied it would be refused for ever.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rusqlite::Connection;
use tokio::time::Instant;

use super::fault::Fault;
use super::rows::count;
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

    /// Admits a body of so many bytes beside all that are under way, where `spare_bytes` are free within the file. Half
    /// of the reserve stays free outside it: logs and projections grow there.
    pub(super) fn admit(&self, bytes: usize, spare_bytes: u64) -> Result<Admitted<'_>, StoreError> {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let before = self.admitted_bytes.fetch_add(bytes, Ordering::Relaxed);
        let wanted = self.reserve_bytes.saturating_add(before).saturating_add(bytes);
        // A file system that does not say how full it is refuses the write itself when it is.
        let outside = self.free_bytes().unwrap_or(u64::MAX);
        let free = if outside < self.reserve_bytes / 2 {
            outside
        } else {
            outside.saturating_add(spare_bytes)
        };
        if free < wanted {
            self.admitted_bytes.fetch_sub(bytes, Ordering::Relaxed);
            return Err(StoreError::Busy {
                reason: format!("{free} bytes are free, and {wanted} are spoken for"),
            });
        }
        Ok(Admitted { room: self, bytes })
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

/// What was freed within the file and is written to again before the file grows.
pub(super) fn spare_bytes(connection: &Connection) -> Result<u64, Fault> {
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    Ok(count(pragma("freelist_count")?).saturating_mul(count(pragma("page_size")?)))
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
        let first = room.admit(third, 0).unwrap();
        assert!(matches!(room.admit(third * 2, 0), Err(StoreError::Busy { .. })));
        drop(first);
        assert_eq!(
            room.admitted_bytes.load(Ordering::Relaxed),
            0,
            "what was refused or written is let go"
        );
    }
    #[tokio::test(start_paused = true)]
    async fn p4_what_was_freed_within_the_file_is_room_while_half_of_the_reserve_is_outside() {
        let admits = |free_bytes, spare_bytes| {
            let room = Room::new(PathBuf::from("."), 100);
            let look = Look {
                at: Instant::now(),
                free_bytes,
            };
            *room.looked.lock().unwrap() = Some(look);
            room.admit(10, spare_bytes).is_ok()
        };
        assert!(admits(110, 0));
        assert!(!admits(109, 0));
        assert!(admits(50, 60));
        assert!(!admits(50, 59));
        assert!(!admits(49, 1_000));
    }
}
