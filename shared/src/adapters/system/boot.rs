//! The id of the host's boot: boot clocks of two boots cannot be compared (P8).

use std::io;

/// The id of this boot.
///
/// # Errors
/// What the system said, where it has no `/proc`.
pub fn boot_id() -> io::Result<String> {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").map(|id| id.trim().to_owned())
}
