//! Adapters inside the process, for the profile without brokers.

mod queue;

pub use queue::InProcessQueue;
