//! SQLite: the job store, the projection, and the event log of the profile `embedded`.

mod batch;
mod file;
pub mod jobs;
mod lanes;
pub mod log;
#[cfg(feature = "testing")]
pub mod memory;
mod notes;
pub mod projection;
mod reader;
mod statements;
mod turn_watch;
mod turnstile;
mod writer;

pub use notes::Notes;
pub use reader::{ReadError, Reader};
pub use statements::Statements;
pub use writer::{Lane, OpenError, Schema, Write, WriteError, Writer};
