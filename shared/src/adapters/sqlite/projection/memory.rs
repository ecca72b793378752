//! The projection over a file in memory, for simulations.

use std::sync::Arc;

use super::health::ProjectionHealth;
use super::{ProjectionStore, SCHEMA};
use crate::adapters::sqlite::memory::{MemoryDisk, MemoryFile, Seam};
use crate::adapters::sqlite::{Reader, Writer};
use crate::ports::Clock;

impl ProjectionStore {
    /// An empty disk for a projection.
    ///
    /// # Errors
    /// SQLite's.
    pub fn memory_disk() -> rusqlite::Result<Arc<MemoryDisk>> {
        MemoryDisk::new(SCHEMA)
    }

    /// The projection on `disk` as one simulated process opens it.
    #[must_use]
    pub fn in_memory(
        disk: &Arc<MemoryDisk>,
        seam: Arc<dyn Seam>,
        clock: Arc<dyn Clock>,
        boot_id: &str,
    ) -> Self {
        let file = MemoryFile::new(Arc::clone(disk), seam);
        Self {
            writer: Writer::of_memory(file.clone()),
            reader: Reader::of_memory(file.clone()),
            spans: Reader::of_memory(file),
            health: Arc::new(ProjectionHealth::new(Arc::clone(&clock))),
            clock,
            boot_id: boot_id.into(),
        }
    }
}
