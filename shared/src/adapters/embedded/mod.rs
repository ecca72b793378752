//! Adapters inside the process: the wake-up queue of the profile `embedded`.

mod queue;

pub use queue::InProcessQueue;
