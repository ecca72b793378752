//! The clocks of the host.

mod clock;

pub use clock::SystemClock;
