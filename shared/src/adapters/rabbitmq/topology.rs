//! The queues and the exchange that Census declares, again on every connection.

use amiquip::{AmqpValue, Channel, ExchangeDeclareOptions, ExchangeType, FieldTable, QueueDeclareOptions};

use super::error::LinkFault;
use crate::job::QueueName;

/// Nobody empties the dead queue but an operator: it keeps the newest.
const DEAD_MESSAGES: i32 = 10_000;

/// The names of one deployment.
#[derive(Clone, Debug)]
pub struct Topology {
    prefix: String,
}

impl Topology {
    /// Names that begin with `prefix`.
    #[must_use]
    pub fn new(prefix: &str) -> Self {
        Self {
            prefix: prefix.to_owned(),
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
    pub(super) fn declare(&self, channel: &Channel) -> Result<(), LinkFault> {
        let dead = self.dead();
        let durable = ExchangeDeclareOptions {
            durable: true,
            ..ExchangeDeclareOptions::default()
        };
        channel
            .exchange_declare(ExchangeType::Fanout, &dead, durable)
            .map_err(LinkFault::refused("declaring the dead exchange"))?;
        let limit = ("x-max-length", AmqpValue::LongInt(DEAD_MESSAGES));
        channel
            .queue_declare(&dead, quorum(limit))
            .map_err(LinkFault::refused("declaring the dead queue"))?;
        channel
            .queue_bind(&dead, &dead, "", FieldTable::new())
            .map_err(LinkFault::refused("binding the dead queue"))?;
        for queue in QueueName::ALL {
            let dead_letters = ("x-dead-letter-exchange", AmqpValue::LongString(dead.clone()));
            channel
                .queue_declare(self.queue(queue), quorum(dead_letters))
                .map_err(LinkFault::refused("declaring a queue"))?;
        }
        Ok(())
    }
}

fn quorum((name, value): (&str, AmqpValue)) -> QueueDeclareOptions {
    let kind = AmqpValue::LongString("quorum".to_owned());
    QueueDeclareOptions {
        durable: true,
        arguments: FieldTable::from([("x-queue-type".to_owned(), kind), (name.to_owned(), value)]),
        ..QueueDeclareOptions::default()
    }
}
