//! What the callers of one batch note in memory, and the batch writes once before its commit: a number that each of a
//! thousand callers raises is one write of one row.

use rusqlite::Connection;

/// The notes of one batch; each batch begins with none.
pub trait Notes: Default + Clone + Send + 'static {
    /// How many there were. It rises with each, so that a caller who failed is seen to have left some, and falls where a
    /// caller who panicked took them along; a batch without any has no news for other processes.
    fn count(&self) -> u64;

    /// Writes them, in the batch's transaction.
    ///
    /// # Errors
    /// SQLite's; the batch then commits nothing.
    fn write(&self, connection: &Connection) -> rusqlite::Result<()>;
}

/// For files whose callers have nothing in common.
impl Notes for () {
    fn count(&self) -> u64 {
        0
    }

    fn write(&self, _: &Connection) -> rusqlite::Result<()> {
        Ok(())
    }
}
