//! Generators of load: closed loops where the rate is the subject, an open loop where latency is.

mod closed;
mod open;

pub(crate) use closed::{CONNECTIONS, submit_for, submit_jobs};
pub(crate) use open::submit_at_rate;
