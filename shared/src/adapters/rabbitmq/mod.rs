//! The wake-up queue on RabbitMQ (step 3): quorum queues, confirmed publishes, nothing that a job depends on.
//!
//! ```text
//! async callers ──batches──▶ std thread "publish" ──▶ connection of its own ──┐
//!      ▲  oneshot per batch ◀── confirms, returns                             │
//! async callers ──questions──▶ std thread "ask" ──▶ another ──────────────────┼─▶ RabbitMQ
//! Deliveries ◀──channel── std thread "consume" (one per consumer) ◀───────────┘
//! ```
//! amiquip blocks, so no async task ever touches it. A server that blocks publishers stops reading from their
//! connections; consumers and questions have connections of their own, so that they still get through. An operator's
//! commands on the dead queue (`dead.rs`) make one each.

mod address;
mod ask;
mod connection;
mod consume;
mod dead;
mod dead_message;
mod error;
mod health;
mod held;
mod publish;
mod queue;
mod topology;
mod tracker;

pub use address::{Address, AddressFault};
pub use dead::RabbitDeadQueue;
pub use queue::RabbitQueue;
pub use topology::Topology;
