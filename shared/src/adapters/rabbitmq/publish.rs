//! The publishing thread of one queue: sends wake-ups and settles them as the server confirms them. Each queue has its
//! own, and a connection of its own: RabbitMQ reads no further from who sends to a queue that cannot write (P5).

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use amiquip::{
    AmqpProperties, AmqpValue, Channel, Confirm, ConnectionBlockedNotification, FieldTable, Publish, Return,
};
use crossbeam_channel::{Receiver, RecvTimeoutError, after, at, never, select};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::ask::MissingQueue;
use super::connection::{Duty, Session};
use super::error::LinkFault;
use super::health::RabbitHealth;
use super::topology::Topology;
use super::tracker::Tracker;
use crate::job::QueueName;
use crate::wire::Wakeup;

const PERSISTENT: u8 = 2;
/// How long the server may confirm nothing of what was sent, and how long an idle connection is on trial.
const MUTE_AFTER: Duration = Duration::from_secs(10);

/// What the async side asks for.
pub(super) enum Order {
    Send(Batch),
    /// The queue was made anew: what the connection knows of it is about the old one.
    Reconnect,
}

/// What the async side hands over. A dropped answer means: there was no connection.
pub(super) struct Batch {
    pub(super) wakeups: Vec<Wakeup>,
    pub(super) answer: oneshot::Sender<Vec<bool>>,
    pub(super) window: OwnedSemaphorePermit,
}

/// Publishes until the last handle of the queue is dropped.
pub(super) struct Publisher {
    pub(super) queue: QueueName,
    pub(super) orders: Receiver<Order>,
    /// On how many connections in a row the server has confirmed nothing.
    pub(super) mute: Arc<AtomicU32>,
    pub(super) missing: MissingQueue,
    pub(super) topology: Topology,
    pub(super) health: Arc<RabbitHealth>,
}

impl Duty for Publisher {
    fn serve(&mut self, session: &Session, up: &dyn Fn()) -> Result<(), LinkFault> {
        let served = self.publish(session, up);
        if served.as_ref().is_err_and(LinkFault::is_mute) {
            self.mute.fetch_add(1, Ordering::Relaxed);
        }
        // Whether the next connection is blocked is not known before it is tried.
        self.health.set_blocked(self.queue, None);
        served
    }

    fn away(&mut self, delay: Duration) -> bool {
        let end = Instant::now() + delay;
        loop {
            match self.orders.recv_deadline(end) {
                // The answer to a batch is dropped unsaid.
                Ok(_order) => {}
                Err(RecvTimeoutError::Timeout) => return true,
                Err(RecvTimeoutError::Disconnected) => return false,
            }
        }
    }
}

impl Publisher {
    fn publish(&self, session: &Session, up: &dyn Fn()) -> Result<(), LinkFault> {
        let channel = &session.channel;
        let (confirms, returns) = ask_for_verdicts(channel)?;
        // After a mute one, a connection is on trial: a confirm ends it, or time in which nothing was to be confirmed.
        let on_trial = self.mute.load(Ordering::Relaxed) > 0;
        let trial = if on_trial { after(MUTE_AFTER) } else { never() };
        if !on_trial {
            up();
        }
        let mut tracker = Tracker::default();
        loop {
            let mute = tracker.unheard_since().map(|since| since + MUTE_AFTER);
            let mute = mute.map_or_else(never, at);
            select! {
                recv(self.orders) -> order => match order {
                    Ok(Order::Send(batch)) => self.send(batch, session, &mut tracker)?,
                    Ok(Order::Reconnect) => return Err(LinkFault::Remade),
                    Err(_) => return Ok(()),
                },
                recv(confirms) -> confirm => {
                    // The return of a message comes before its confirm, but on a channel of its own.
                    returns.try_iter().for_each(|returned| self.note(&returned, &mut tracker));
                    let confirm = confirm.map_err(|_| LinkFault::Lost)?;
                    let is_kept = matches!(confirm, Confirm::Ack(_));
                    tracker.settle(confirm);
                    if is_kept && self.mute.load(Ordering::Relaxed) > 0 {
                        self.mute.store(0, Ordering::Relaxed);
                        up();
                    }
                },
                recv(returns) -> returned => self.note(&returned.map_err(|_| LinkFault::Lost)?, &mut tracker),
                recv(session.blocked) -> notification => {
                    self.heed(notification.map_err(|_| LinkFault::Lost)?, session, &mut tracker);
                },
                recv(trial) -> _ => if tracker.unheard_since().is_none() {
                    up();
                },
                // It holds what was sent back, or refuses it. A new connection begins with nothing that waits.
                recv(mute) -> _ => return Err(LinkFault::Mute {
                    queue: self.topology.queue(self.queue),
                    patience: MUTE_AFTER,
                }),
            }
        }
    }

    fn send(&self, batch: Batch, session: &Session, tracker: &mut Tracker) -> Result<(), LinkFault> {
        let Batch {
            wakeups,
            answer,
            window,
        } = batch;
        if session.is_blocked.get() {
            // Nobody may wait for the answer any more.
            let _ = answer.send(vec![false; wakeups.len()]);
            return Ok(());
        }
        let batch = tracker.open(wakeups.len(), answer, window);
        let routing_key = self.topology.queue(self.queue);
        for together in wakeups.chunks(per_message(wakeups.len())) {
            let tag = tracker.next_tag(batch, together.len());
            publish(
                &session.channel,
                &routing_key,
                together,
                &message_id(&together[0], tag),
            )?;
        }
        Ok(())
    }

    /// A message came back: its queue has gone. Its sender will try again.
    fn note(&self, returned: &Return, tracker: &mut Tracker) {
        let id = returned.properties.message_id().as_deref().unwrap_or_default();
        if let Some(tag) = id.rsplit_once('#').and_then(|(_, tag)| tag.parse().ok()) {
            tracker.returned(tag);
        }
        self.missing.declare();
    }

    /// A server in alarm reads nothing more from here until it says so; nobody shall wait for that.
    fn heed(&self, notification: ConnectionBlockedNotification, session: &Session, tracker: &mut Tracker) {
        match notification {
            ConnectionBlockedNotification::Blocked(reason) => {
                session.is_blocked.set(true);
                tracker.give_up();
                tracing::warn!(reason, "rabbitmq takes no messages for now");
                self.health.set_blocked(self.queue, Some(reason));
            }
            ConnectionBlockedNotification::Unblocked => {
                session.is_blocked.set(false);
                tracing::info!("rabbitmq takes messages again");
                self.health.set_blocked(self.queue, None);
            }
        }
    }
}

/// Confirms and returns of what the channel publishes from now on.
pub(super) fn ask_for_verdicts(
    channel: &Channel,
) -> Result<(Receiver<Confirm>, Receiver<Return>), LinkFault> {
    let confirms = channel
        .listen_for_publisher_confirms()
        .map_err(LinkFault::refused("listening for confirms"))?;
    let returns = channel
        .listen_for_returns()
        .map_err(LinkFault::refused("listening for returns"))?;
    channel
        .enable_publisher_confirms()
        .map_err(LinkFault::refused("asking for confirms"))?;
    Ok((confirms, returns))
}

/// Wake-ups to a message when so many are sent together: a message costs RabbitMQ more than all else that is done for a
/// small task. Few go one by one, so that several workers share them.
fn per_message(wakeups: usize) -> usize {
    /// Messages that are always enough to share.
    const SHARED: usize = 16;
    (wakeups / SHARED).clamp(1, Wakeup::PER_MESSAGE)
}

/// Publishes one message to a queue; it comes back when there is no such queue.
pub(super) fn publish(
    channel: &Channel,
    queue: &str,
    wakeups: &[Wakeup],
    message_id: &str,
) -> Result<(), LinkFault> {
    let message = Wakeup::to_message(wakeups);
    let trace = AmqpValue::LongString(message.traceparent);
    let properties = AmqpProperties::default()
        .with_type_(message.type_name.to_owned())
        .with_content_type("application/json".to_owned())
        .with_delivery_mode(PERSISTENT)
        .with_message_id(message_id.to_owned())
        .with_headers(FieldTable::from([("traceparent".to_owned(), trace)]));
    let message = Publish {
        mandatory: true,
        ..Publish::with_properties(&message.body, queue, properties)
    };
    channel
        .basic_publish("", message)
        .map_err(LinkFault::refused("publishing"))
}

/// The first task for people, and the delivery tag, which a returned message does not name otherwise.
fn message_id(wakeup: &Wakeup, tag: u64) -> String {
    format!("{}#{tag}", wakeup.task)
}
