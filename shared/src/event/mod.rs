//! The domain of user events: identity, cleaning, faults. No I/O.

mod clean;
mod fault;
mod id;

pub use clean::{Address, CleanEvent, CleanUser};
pub use fault::{Fault, FaultCode};
pub use id::{EventId, EventIdFault};
