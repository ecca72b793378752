//! A consuming thread and the async side that it hands deliveries to (step 4).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use amiquip::{AmqpValue, Channel, ConsumerMessage, ConsumerOptions};
use async_trait::async_trait;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, select};
use tokio::sync::mpsc;

use super::connection::{Duty, Session};
use super::error::LinkFault;
use super::held::{Held, Settled};
use crate::ports::{Deliveries, Delivery};
use crate::wire::Wakeup;

/// How often who gets nothing looks whether something waits.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Consumes until its [`RabbitDeliveries`] are dropped.
pub(super) struct Consumer {
    queue: String,
    prefetch: u16,
    /// Unbounded, so that the thread never waits for the async side; the prefetch bounds it.
    deliveries: mpsc::UnboundedSender<Delivery>,
    verdicts: Receiver<Verdict>,
    current: Arc<AtomicU64>,
}

/// What became of deliveries.
enum Verdict {
    Acknowledge { connection: u64, tags: Vec<u64> },
    Reject { connection: u64, tag: u64 },
}

/// The async side of a consumer.
pub(super) struct RabbitDeliveries {
    incoming: mpsc::UnboundedReceiver<Delivery>,
    verdicts: Sender<Verdict>,
    /// The connection that is up, 0 without one: deliveries of another come again.
    current: Arc<AtomicU64>,
}

impl Consumer {
    /// Both sides of a consumer.
    pub(super) fn pair(queue: String, prefetch: u16) -> (Self, RabbitDeliveries) {
        let (deliveries, incoming) = mpsc::unbounded_channel();
        let (verdicts_in, verdicts) = crossbeam_channel::unbounded();
        let current = Arc::new(AtomicU64::new(0));
        let consumer = Self {
            queue,
            prefetch: messages(prefetch),
            deliveries,
            verdicts,
            current: Arc::clone(&current),
        };
        let side = RabbitDeliveries {
            incoming,
            verdicts: verdicts_in,
            current,
        };
        (consumer, side)
    }

    fn take(&self, session: &Session, up: &dyn Fn()) -> Result<(), LinkFault> {
        let channel = &session.channel;
        channel
            .qos(0, self.prefetch, false)
            .map_err(LinkFault::refused("bounding the prefetch"))?;
        let consumer = channel
            .basic_consume(&self.queue, ConsumerOptions::default())
            .map_err(LinkFault::refused("consuming"))?;
        up();
        let mut held = Held::new();
        let look = crossbeam_channel::tick(LOOK_EVERY);
        // Looks in a row at which messages waited for nobody.
        let mut passed_over = 0;
        loop {
            let due = held.due(self.prefetch);
            let due = due.map_or_else(crossbeam_channel::never, crossbeam_channel::at);
            select! {
                recv(self.verdicts) -> verdict => match verdict {
                    Ok(verdict) => heed(verdict, session, &mut held)?,
                    Err(_) => return acknowledge(held.take_settled(), channel),
                },
                recv(consumer.receiver()) -> message => {
                    let message = delivered(message.map_err(|_| LinkFault::Lost)?)?;
                    self.hand_over(message, session.number, &mut held);
                    passed_over = 0;
                },
                recv(due) -> _ => acknowledge(held.take_settled(), channel)?,
                // A queue that was deleted by force takes its consumers along, and does not tell them.
                recv(look) -> _ => if held.is_empty() {
                    let depth = session.depth(self.queue.clone());
                    let waits = depth.map_err(LinkFault::refused("looking at the queue"))? > 0;
                    passed_over = if waits { passed_over + 1 } else { 0 };
                    if passed_over > 1 {
                        return Err(LinkFault::Forgotten);
                    }
                },
            }
        }
    }

    /// A message of several wake-ups is as many deliveries.
    fn hand_over(&self, message: amiquip::Delivery, connection: u64, held: &mut Held<amiquip::Delivery>) {
        let wakeups = match read(&message) {
            Ok(wakeups) => wakeups.into_iter().map(Ok).collect(),
            Err(fault) => vec![Err(fault)],
        };
        let tags = held.hold(message.delivery_tag(), message, wakeups.len());
        for (tag, wakeup) in tags.zip(wakeups) {
            let delivery = Delivery {
                wakeup,
                connection,
                tag,
            };
            // Nobody listens any more: the verdicts end as well.
            let _ = self.deliveries.send(delivery);
        }
    }
}

/// Messages at a time for so many wake-ups at a time, of which a message may hold several. To the server 0 means without
/// bound.
fn messages(prefetch: u16) -> u16 {
    /// Held ones are acknowledged soon after they are claimed: so many are enough, whatever they hold.
    const ENOUGH: u16 = 64;
    prefetch.min(ENOUGH.max(prefetch / 8)).max(1)
}

impl Duty for Consumer {
    fn serve(&mut self, session: &Session, up: &dyn Fn()) -> Result<(), LinkFault> {
        self.current.store(session.number, Ordering::Release);
        let taken = self.take(session, up);
        self.current.store(0, Ordering::Release);
        taken
    }

    fn away(&mut self, delay: Duration) -> bool {
        let end = Instant::now() + delay;
        loop {
            match self.verdicts.recv_deadline(end) {
                // It is about a connection that is gone.
                Ok(_verdict) => {}
                Err(RecvTimeoutError::Timeout) => return true,
                Err(RecvTimeoutError::Disconnected) => return false,
            }
        }
    }
}

fn heed(verdict: Verdict, session: &Session, held: &mut Held<amiquip::Delivery>) -> Result<(), LinkFault> {
    match verdict {
        Verdict::Acknowledge { connection, tags } if connection == session.number => {
            tags.into_iter().for_each(|tag| held.settle(tag));
        }
        Verdict::Reject { connection, tag } if connection == session.number => {
            // Of a message that can be read no part is ever rejected: it goes as a whole.
            if let Some(message) = held.let_go(tag) {
                message
                    .reject(&session.channel, false)
                    .map_err(LinkFault::refused("rejecting"))?;
            }
        }
        // A tag means nothing on another connection.
        Verdict::Acknowledge { .. } | Verdict::Reject { .. } => {}
    }
    Ok(())
}

fn acknowledge(settled: Settled<amiquip::Delivery>, channel: &Channel) -> Result<(), LinkFault> {
    const DOING: &str = "acknowledging";
    if let Some(last) = settled.up_to {
        last.ack_multiple(channel).map_err(LinkFault::refused(DOING))?;
    }
    for message in settled.beyond {
        message.ack(channel).map_err(LinkFault::refused(DOING))?;
    }
    Ok(())
}

fn delivered(message: ConsumerMessage) -> Result<amiquip::Delivery, LinkFault> {
    match message {
        ConsumerMessage::Delivery(delivery) => Ok(delivery),
        ConsumerMessage::ServerClosedChannel(source) | ConsumerMessage::ServerClosedConnection(source) => {
            Err(LinkFault::refused("consuming")(source))
        }
        ConsumerMessage::ServerCancelled => Err(LinkFault::Cancelled),
        ConsumerMessage::ClientCancelled
        | ConsumerMessage::ClientClosedChannel
        | ConsumerMessage::ClientClosedConnection => Err(LinkFault::Lost),
    }
}

/// The wake-ups, or why the message is none.
pub(super) fn read(delivery: &amiquip::Delivery) -> Result<Vec<Wakeup>, String> {
    let properties = &delivery.properties;
    let traceparent = properties
        .headers()
        .as_ref()
        .and_then(|headers| headers.get("traceparent"));
    let traceparent = match traceparent {
        Some(AmqpValue::LongString(text)) => Some(text.as_str()),
        _ => None,
    };
    Wakeup::from_message(properties.type_().as_deref(), traceparent, &delivery.body)
        .map_err(|fault| fault.to_string())
}

#[async_trait]
impl Deliveries for RabbitDeliveries {
    async fn next(&mut self, max: usize) -> Option<Vec<Delivery>> {
        loop {
            let mut deliveries = Vec::new();
            // Cancel-safe, and nothing is awaited between it and the answer.
            if self.incoming.recv_many(&mut deliveries, max.max(1)).await == 0 {
                return None;
            }
            let current = self.current.load(Ordering::Acquire);
            deliveries.retain(|delivery| delivery.connection == current);
            if !deliveries.is_empty() {
                return Some(deliveries);
            }
        }
    }

    async fn acknowledge(&mut self, deliveries: Vec<Delivery>) {
        let mut tags: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
        for delivery in deliveries {
            tags.entry(delivery.connection).or_default().push(delivery.tag);
        }
        for (connection, tags) in tags {
            // The thread ends only after us, or never began.
            let _ = self.verdicts.send(Verdict::Acknowledge { connection, tags });
        }
    }

    async fn reject(&mut self, delivery: Delivery) {
        let Delivery { connection, tag, .. } = delivery;
        let _ = self.verdicts.send(Verdict::Reject { connection, tag });
    }
}
