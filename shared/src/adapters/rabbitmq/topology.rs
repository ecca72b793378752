//! The queues and the exchange that Census declares, again on every connection.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use amiquip::{
    AmqpValue, Channel, ExchangeDeclareOptions, ExchangeType, FieldTable, QueueDeclareOptions,
    QueueDeleteOptions,
};

use super::connection::Session;
use super::error::LinkFault;
use crate::job::QueueName;

/// Nobody empties the dead queue but an operator: it keeps the newest.
const DEAD_MESSAGES: i32 = 10_000;
/// To list the dead queue is to take its messages and give them back; RabbitMQ 4 throws away what came back 20 times.
const DEAD_LOOKS: i32 = i32::MAX;

/// The names of one deployment.
#[derive(Clone, Debug)]
pub struct Topology {
    prefix: String,
    /// Held while one connection declares: RabbitMQ does not bear two that make the same quorum queue.
    declaring: Arc<Mutex<()>>,
}

impl Topology {
    /// Names that begin with `prefix`.
    #[must_use]
    pub fn new(prefix: &str) -> Self {
        Self {
            prefix: prefix.to_owned(),
            declaring: Arc::default(),
        }
    }

    /// The queue of a role, as in `census.userevents`.
    #[must_use]
    pub fn queue(&self, queue: QueueName) -> String {
        format!("{}.{queue}", self.prefix)
    }

    /// The exchange and the queue of rejected messages, as in `census.dead`.
    #[must_use]
    pub fn dead(&self) -> String {
        format!("{}.dead", self.prefix)
    }

    /// Declares everything. Only durable quorum queues: RabbitMQ 4 knows no others that outlive a connection.
    pub(super) fn declare(&self, session: &mut Session) -> Result<(), LinkFault> {
        let _alone = self.alone();
        // On a channel that a refusal may close.
        match self.declare_dead(&session.another_channel()?) {
            Err(fault) if fault.is_other_arguments() => tracing::warn!(
                queue = self.dead(),
                "the dead queue was declared by another version and is used as it is; delete it to have it made anew"
            ),
            declared => declared?,
        }
        self.declare_queues(&session.channel)
    }

    /// The queues of the roles, which may have gone while the connection stayed.
    pub(super) fn declare_again(&self, channel: &Channel) -> Result<(), LinkFault> {
        let _alone = self.alone();
        self.declare_queues(channel)
    }

    /// Deletes a queue with all that is in it, and declares it.
    pub(super) fn remake(&self, queue: QueueName, channel: &Channel) -> Result<(), LinkFault> {
        let _alone = self.alone();
        channel
            .queue_delete(self.queue(queue), QueueDeleteOptions::default())
            .map_err(LinkFault::refused("deleting a queue"))?;
        self.declare_queues(channel)
    }

    fn alone(&self) -> MutexGuard<'_, ()> {
        self.declaring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn declare_queues(&self, channel: &Channel) -> Result<(), LinkFault> {
        for queue in QueueName::ALL {
            let dead_letters = [("x-dead-letter-exchange", AmqpValue::LongString(self.dead()))];
            channel
                .queue_declare(self.queue(queue), quorum(dead_letters))
                .map_err(LinkFault::refused("declaring a queue"))?;
        }
        Ok(())
    }

    fn declare_dead(&self, channel: &Channel) -> Result<(), LinkFault> {
        let dead = self.dead();
        let durable = ExchangeDeclareOptions {
            durable: true,
            ..ExchangeDeclareOptions::default()
        };
        channel
            .exchange_declare(ExchangeType::Fanout, &dead, durable)
            .map_err(LinkFault::refused("declaring the dead exchange"))?;
        let limits = [
            ("x-max-length", AmqpValue::LongInt(DEAD_MESSAGES)),
            ("x-delivery-limit", AmqpValue::LongInt(DEAD_LOOKS)),
        ];
        channel
            .queue_declare(&dead, quorum(limits))
            .map_err(LinkFault::refused("declaring the dead queue"))?;
        channel
            .queue_bind(&dead, &dead, "", FieldTable::new())
            .map_err(LinkFault::refused("binding the dead queue"))?;
        Ok(())
    }
}

fn quorum<const N: usize>(arguments: [(&str, AmqpValue); N]) -> QueueDeclareOptions {
    let kind = ("x-queue-type", AmqpValue::LongString("quorum".to_owned()));
    let arguments = arguments.into_iter().chain([kind]);
    QueueDeclareOptions {
        durable: true,
        arguments: arguments
            .map(|(name, value)| (name.to_owned(), value))
            .collect::<FieldTable>(),
        ..QueueDeclareOptions::default()
    }
}
