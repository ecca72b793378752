//! The wake-up queue: carries task references and trace headers, never the payload, never the truth.

use std::error::Error as StdError;

use async_trait::async_trait;
use tokio::sync::watch;

use super::Health;
use crate::job::QueueName;
use crate::wire::Wakeup;

/// Sends and receives wake-ups. May lose, repeat and reorder: the store decides.
#[async_trait]
pub trait JobQueue: Health {
    /// Sends all; the answer says, in order, which were confirmed. An unconfirmed one may still arrive. Waits no
    /// longer than a bound of the adapter's, whatever the server does.
    ///
    /// # Errors
    /// [`QueueError`] when nothing could be sent.
    async fn send(&self, queue: QueueName, wakeups: Vec<Wakeup>) -> Result<Vec<bool>, QueueError>;

    /// Messages that wait in the queue, deliveries in flight not counted. One may hold several wake-ups.
    ///
    /// # Errors
    /// [`QueueError`] when the server is away.
    async fn depth(&self, queue: QueueName) -> Result<u64, QueueError>;

    /// Makes a queue anew, with nothing in it, that takes what is sent and has confirmed nothing on several connections in
    /// a row; whether it was such a one. RabbitMQ may bring a queue back without a leader, for ever
    /// (rabbitmq-server#10070: killed within seconds of the queue's making). For one process at a time (P5).
    ///
    /// # Errors
    /// [`QueueError`] when the server is away, or refuses.
    async fn remake_if_mute(&self, queue: QueueName) -> Result<bool, QueueError> {
        let _never = queue;
        Ok(false)
    }

    /// Starts to take from the queue; at most `prefetch` deliveries are unacknowledged at a time, or twice as many where
    /// messages hold several. The consumer outlives connections.
    async fn consume(&self, queue: QueueName, prefetch: u16) -> Box<dyn Deliveries>;

    /// Rises with each connection that is made: after a reconnect, what was sent may be lost (P5).
    fn connections(&self) -> watch::Receiver<u64>;
}

/// A consumer of one queue.
#[async_trait]
pub trait Deliveries: Send {
    /// Waits for at least one delivery, returns up to `max`; `None` when the queue was closed for good.
    ///
    /// Cancel-safe: a delivery is returned or stays for the next call.
    async fn next(&mut self, max: usize) -> Option<Vec<Delivery>>;

    /// Acknowledges. One of a connection that is gone is forgotten: its message comes again.
    async fn acknowledge(&mut self, deliveries: Vec<Delivery>);

    /// Rejects for good a message that cannot be read: it goes to the dead queue.
    async fn reject(&mut self, delivery: Delivery);
}

/// One message as it arrived.
#[derive(Debug)]
pub struct Delivery {
    /// What it says; an error text when it cannot be read.
    pub wakeup: Result<Wakeup, String>,
    /// The connection it came over: tags mean nothing on another.
    pub connection: u64,
    /// The server's name for the delivery.
    pub tag: u64,
}

/// A queue that could not be used now. Always transient: the caller tries again.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// There is no connection.
    #[error("the queue server is away")]
    Away,
    /// The server takes no messages for now, as when it is short of memory or disk.
    #[error("the queue server takes no messages for now")]
    Blocked,
    /// The server or the connection refused.
    #[error("the queue server refused {operation}")]
    Refused {
        /// What was tried.
        operation: &'static str,
        /// What it said.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
}
