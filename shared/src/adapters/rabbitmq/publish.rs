//! The publishing thread: sends wake-ups and settles them as the server confirms them.

use std::time::{Duration, Instant};

use amiquip::{
    AmqpProperties, AmqpValue, Channel, ConnectionBlockedNotification, FieldTable, Publish, Return,
};
use crossbeam_channel::{Receiver, RecvTimeoutError, select};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::connection::{Duty, Session};
use super::error::LinkFault;
use super::topology::Topology;
use super::tracker::Tracker;
use crate::job::QueueName;
use crate::wire::{WAKEUP_TYPE, Wakeup};

const PERSISTENT: u8 = 2;

/// What the async side asks for. A dropped answer means: there was no connection.
pub(super) enum Command {
    Publish {
        queue: QueueName,
        wakeups: Vec<Wakeup>,
        answer: oneshot::Sender<Vec<bool>>,
        window: OwnedSemaphorePermit,
    },
    Depth {
        queue: QueueName,
        answer: oneshot::Sender<Result<u64, amiquip::Error>>,
    },
}

/// Publishes until the last handle of the queue is dropped.
pub(super) struct Publisher {
    pub(super) commands: Receiver<Command>,
    pub(super) topology: Topology,
}

impl Duty for Publisher {
    fn serve(&mut self, session: &Session) -> Result<(), LinkFault> {
        let channel = &session.channel;
        let confirms = channel
            .listen_for_publisher_confirms()
            .map_err(LinkFault::refused("listening for confirms"))?;
        let returns = channel
            .listen_for_returns()
            .map_err(LinkFault::refused("listening for returns"))?;
        channel
            .enable_publisher_confirms()
            .map_err(LinkFault::refused("asking for confirms"))?;
        let mut tracker = Tracker::default();
        loop {
            select! {
                recv(self.commands) -> command => match command {
                    Ok(command) => self.execute(command, channel, &mut tracker)?,
                    Err(_) => return Ok(()),
                },
                recv(confirms) -> confirm => {
                    // The return of a message comes before its confirm, but on a channel of its own.
                    returns.try_iter().for_each(|returned| note(&returned, &mut tracker));
                    tracker.settle(confirm.map_err(|_| LinkFault::Lost)?);
                },
                recv(returns) -> returned => note(&returned.map_err(|_| LinkFault::Lost)?, &mut tracker),
                recv(session.blocked) -> notification => {
                    show_alarm(&notification.map_err(|_| LinkFault::Lost)?, session);
                },
            }
        }
    }

    fn away(&mut self, delay: Duration) -> bool {
        let end = Instant::now() + delay;
        loop {
            match self.commands.recv_deadline(end) {
                // Its answer is dropped unsaid.
                Ok(_command) => {}
                Err(RecvTimeoutError::Timeout) => return true,
                Err(RecvTimeoutError::Disconnected) => return false,
            }
        }
    }
}

impl Publisher {
    fn execute(&self, command: Command, channel: &Channel, tracker: &mut Tracker) -> Result<(), LinkFault> {
        match command {
            Command::Publish {
                queue,
                wakeups,
                answer,
                window,
            } => {
                let batch = tracker.open(wakeups.len(), answer, window);
                let routing_key = self.topology.queue(queue);
                for (index, wakeup) in wakeups.iter().enumerate() {
                    let tag = tracker.next_tag(batch, index);
                    publish(channel, &routing_key, wakeup, tag)?;
                }
                Ok(())
            }
            Command::Depth { queue, answer } => {
                let depth = channel
                    .queue_declare_passive(self.topology.queue(queue))
                    .map(|queue| u64::from(queue.declared_message_count().unwrap_or_default()));
                // A refusal closes the channel: the next connection declares the queue anew.
                let ended = depth.is_err();
                // Nobody may wait any more.
                let _ = answer.send(depth);
                if ended { Err(LinkFault::Lost) } else { Ok(()) }
            }
        }
    }
}

fn publish(channel: &Channel, routing_key: &str, wakeup: &Wakeup, tag: u64) -> Result<(), LinkFault> {
    let trace = AmqpValue::LongString(wakeup.trace.to_string());
    let properties = AmqpProperties::default()
        .with_type_(WAKEUP_TYPE.to_owned())
        .with_content_type("application/json".to_owned())
        .with_delivery_mode(PERSISTENT)
        .with_message_id(message_id(wakeup, tag))
        .with_headers(FieldTable::from([("traceparent".to_owned(), trace)]));
    let body = wakeup.to_body();
    let message = Publish {
        mandatory: true,
        ..Publish::with_properties(&body, routing_key, properties)
    };
    channel
        .basic_publish("", message)
        .map_err(LinkFault::refused("publishing"))
}

/// The task for people, and the delivery tag, which a returned message does not name otherwise.
fn message_id(wakeup: &Wakeup, tag: u64) -> String {
    format!("{}#{tag}", wakeup.task)
}

fn note(returned: &Return, tracker: &mut Tracker) {
    let id = returned.properties.message_id().as_deref().unwrap_or_default();
    if let Some(tag) = id.rsplit_once('#').and_then(|(_, tag)| tag.parse().ok()) {
        tracker.returned(tag);
    }
}

fn show_alarm(notification: &ConnectionBlockedNotification, session: &Session) {
    match notification {
        ConnectionBlockedNotification::Blocked(reason) => {
            session.is_blocked.set(true);
            tracing::warn!(reason, "rabbitmq takes no messages for now");
        }
        ConnectionBlockedNotification::Unblocked => {
            session.is_blocked.set(false);
            tracing::info!("rabbitmq takes messages again");
        }
    }
}
