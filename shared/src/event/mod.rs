//! The domain of user events: identity, cleaning, faults. No I/O.

mod clean;
mod fault;
mod id;
mod raw;
mod text;

pub use clean::{Address, CleanEvent, CleanUser, clean};
pub use fault::{Fault, FaultCode};
pub use id::{EventId, EventIdFault};
pub use raw::{RawAddress, RawEvent, RawText};
