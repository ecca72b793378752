//! The dead queue: messages that no worker could read, for an operator to look at, send again or throw away.

use async_trait::async_trait;

use super::QueueError;
use crate::time::Timestamp;

/// What an operator can do with dead messages. Each call makes its own connection.
#[async_trait]
pub trait DeadQueue: Send + Sync {
    /// Looks at the oldest messages, at most `max`; all stay where they are.
    ///
    /// # Errors
    /// [`QueueError`] when the server is away.
    async fn list(&self, max: usize) -> Result<DeadList, QueueError>;

    /// Sends what is a wake-up to the queue that it came from, and keeps the rest. A wake-up that was broken off in
    /// between may be sent twice: the store decides what it is worth.
    ///
    /// # Errors
    /// [`QueueError`] when the server is away or takes no messages; what was sent before is sent.
    async fn redrive(&self) -> Result<Redriven, QueueError>;

    /// Throws all messages away and says how many there were.
    ///
    /// # Errors
    /// [`QueueError`] when the server is away.
    async fn discard(&self) -> Result<u64, QueueError>;
}

/// The oldest dead messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadList {
    /// How many there are altogether.
    pub total: u64,
    /// Those that were looked at, the oldest first.
    pub messages: Vec<DeadMessage>,
}

/// What became of dead messages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Redriven {
    /// How many were sent again.
    pub sent: u64,
    /// Those that were kept; the `fault` of each says why.
    pub kept: Vec<DeadMessage>,
}

/// One message that died.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadMessage {
    /// What it says it is.
    pub type_name: Option<String>,
    /// The queue it died in.
    pub queue: Option<String>,
    /// Why, in the server's word: `rejected`, `delivery_limit`, …
    pub reason: Option<String>,
    /// When, to the second.
    pub died_at: Option<Timestamp>,
    /// Bytes of its body.
    pub size_bytes: usize,
    /// How the body begins, harmless at a terminal.
    pub start: String,
    /// Why it cannot be sent again; `None` when it can.
    pub fault: Option<String>,
}
