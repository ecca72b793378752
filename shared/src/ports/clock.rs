//! Time, as a port: the wall clock for people, the boot clock for leases and back-off (P8).

use crate::time::Timestamp;

/// The two clocks of a host.
pub trait Clock: Send + Sync {
    /// The wall clock: what people see. It may jump.
    fn wall(&self) -> Timestamp;

    /// Milliseconds since the host booted, suspends included. It never jumps, and all processes of the host
    /// agree on it.
    fn boot_ms(&self) -> i64;
}
