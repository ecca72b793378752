//! The host: its clocks, its boot, and the data folder.

mod boot;
mod clock;
mod data_dir;

pub use boot::boot_id;
pub use clock::SystemClock;
pub use data_dir::{DataDir, DataDirError, Sharing};
