//! A consuming thread and the async side that it hands deliveries to (step 4).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use amiquip::{AmqpValue, Channel, ConsumerMessage, ConsumerOptions};
use async_trait::async_trait;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, select};
use tokio::sync::mpsc;

use super::connection::{Duty, Session};
use super::error::LinkFault;
use crate::ports::{Deliveries, Delivery};
use crate::wire::Wakeup;

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
            // To the server 0 means without bound.
            prefetch: prefetch.max(1),
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

    fn take(&self, session: &Session) -> Result<(), LinkFault> {
        let channel = &session.channel;
        channel
            .qos(0, self.prefetch, false)
            .map_err(LinkFault::refused("bounding the prefetch"))?;
        let consumer = channel
            .basic_consume(&self.queue, ConsumerOptions::default())
            .map_err(LinkFault::refused("consuming"))?;
        let mut open = BTreeMap::new();
        loop {
            select! {
                recv(self.verdicts) -> verdict => {
                    let Ok(verdict) = verdict else { return Ok(()) };
                    settle(verdict, session, &mut open)?;
                },
                recv(consumer.receiver()) -> message => {
                    let delivery = delivered(message.map_err(|_| LinkFault::Lost)?)?;
                    let read = Delivery {
                        wakeup: read(&delivery),
                        connection: session.number,
                        tag: delivery.delivery_tag(),
                    };
                    open.insert(delivery.delivery_tag(), delivery);
                    // Nobody listens any more: the verdicts end as well.
                    let _ = self.deliveries.send(read);
                },
            }
        }
    }
}

impl Duty for Consumer {
    fn serve(&mut self, session: &Session) -> Result<(), LinkFault> {
        self.current.store(session.number, Ordering::Release);
        let taken = self.take(session);
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

fn settle(
    verdict: Verdict,
    session: &Session,
    open: &mut BTreeMap<u64, amiquip::Delivery>,
) -> Result<(), LinkFault> {
    match verdict {
        Verdict::Acknowledge { connection, tags } if connection == session.number => {
            acknowledge(&tags.into_iter().collect(), &session.channel, open)?;
        }
        Verdict::Reject { connection, tag } if connection == session.number => {
            if let Some(delivery) = open.remove(&tag) {
                delivery
                    .reject(&session.channel, false)
                    .map_err(LinkFault::refused("rejecting"))?;
            }
        }
        // A tag means nothing on another connection.
        Verdict::Acknowledge { .. } | Verdict::Reject { .. } => {}
    }
    Ok(())
}

/// One frame acknowledges all up to the first delivery that is to stay open: to a quorum queue each is a command that
/// its log has to take.
fn acknowledge(
    tags: &BTreeSet<u64>,
    channel: &Channel,
    open: &mut BTreeMap<u64, amiquip::Delivery>,
) -> Result<(), LinkFault> {
    const DOING: &str = "acknowledging";
    let stays = open.keys().find(|tag| !tags.contains(tag)).copied();
    let later = stays.map_or_else(BTreeMap::new, |stays| open.split_off(&stays));
    if let Some((_, last)) = std::mem::replace(open, later).pop_last() {
        last.ack_multiple(channel).map_err(LinkFault::refused(DOING))?;
    }
    for delivery in tags.iter().filter_map(|tag| open.remove(tag)) {
        delivery.ack(channel).map_err(LinkFault::refused(DOING))?;
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

/// The wake-up, or why the message is none.
pub(super) fn read(delivery: &amiquip::Delivery) -> Result<Wakeup, String> {
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
