//! The job store over a file in memory, for simulations.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::watch;

use super::health::Condition;
use super::presence::Presence;
use super::room::Room;
use super::{JobStore, JobStoreError, JobStoreOptions, Shared, epoch, schema};
use crate::adapters::sqlite::memory::{MemoryDisk, MemoryFile, Seam};
use crate::adapters::sqlite::{Reader, Writer};
use crate::ports::Clock;

impl JobStore {
    /// An empty disk for a job store.
    ///
    /// # Errors
    /// SQLite's.
    pub fn memory_disk() -> rusqlite::Result<Arc<MemoryDisk>> {
        MemoryDisk::new(schema::SCHEMA)
    }

    /// The store on `disk` as one simulated process opens it, with a `window` that a few tasks fill (P5).
    ///
    /// # Errors
    /// [`JobStoreError::Epoch`].
    pub fn in_memory(
        disk: &Arc<MemoryDisk>,
        seam: Arc<dyn Seam>,
        clock: Arc<dyn Clock>,
        options: JobStoreOptions,
        window: u64,
    ) -> Result<Self, JobStoreError> {
        let opened = disk
            .look(|connection| epoch::raise(connection, &options.boot_id, &*clock))
            .map_err(JobStoreError::Epoch)?;
        disk.write_back().map_err(JobStoreError::Epoch)?;
        let presence = Presence::in_memory(disk.locks());
        if opened.raised {
            presence.forget(&[]).map_err(JobStoreError::Presence)?;
        }
        let file = MemoryFile::new(Arc::clone(disk), seam);
        let reader = Reader::of_memory(file.clone());
        Ok(Self {
            shared: Arc::new(Shared {
                file: None,
                presence: Arc::new(presence),
                room: Room::new(PathBuf::from("."), options.disk_reserve_bytes),
                writer: Writer::of_memory(file),
                feeds: reader.clone(),
                reader,
                condition: Condition::up(clock.wall()),
                clock,
                options: Arc::new(options),
                epoch: opened.epoch,
                window,
                committed: watch::Sender::new(opened.last_change),
            }),
        })
    }
}
