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
                    let message = delivered(message.map_err(|_| LinkFault::Lost)?)?;
                    self.hand_over(message, session.number, &mut open);
                },
            }
        }
    }
}

impl Consumer {
    /// A message of several wake-ups is as many deliveries.
    fn hand_over(&self, message: amiquip::Delivery, connection: u64, open: &mut BTreeMap<u64, Open>) {
        let wakeups = match read(&message) {
            Ok(wakeups) => wakeups.into_iter().map(Ok).collect(),
            Err(fault) => vec![Err(fault)],
        };
        let tag = message.delivery_tag();
        let unsettled = (0..wakeups.len()).fold(0, |parts, part| parts | 1 << part);
        open.insert(tag, Open { message, unsettled });
        for (part, wakeup) in (0..).zip(wakeups) {
            let delivery = Delivery {
                wakeup,
                connection,
                tag: Part { message: tag, part }.to_tag(),
            };
            // Nobody listens any more: the verdicts end as well.
            let _ = self.deliveries.send(delivery);
        }
    }
}

/// Messages at a time for so many wake-ups at a time, of which a message may hold several. To the server 0 means without
/// bound.
fn messages(prefetch: u16) -> u16 {
    /// Held ones are acknowledged as soon as they are claimed: so many are enough, whatever they hold.
    const ENOUGH: u16 = 64;
    prefetch.min(ENOUGH.max(prefetch / 8)).max(1)
}

/// A message whose wake-ups are not all settled.
struct Open {
    message: amiquip::Delivery,
    /// A bit for each wake-up.
    unsettled: u16,
}

/// One wake-up of a message; both together are the tag of its delivery.
struct Part {
    message: u64,
    part: u32,
}

impl Part {
    const BITS: u32 = Wakeup::PER_MESSAGE.ilog2();

    const fn to_tag(&self) -> u64 {
        self.message << Self::BITS | self.part as u64
    }

    const fn of_tag(tag: u64) -> Self {
        Self {
            message: tag >> Self::BITS,
            part: (tag & ((1 << Self::BITS) - 1)) as u32,
        }
    }
}

impl Open {
    /// Whether it was the last one.
    const fn settle(&mut self, part: u32) -> bool {
        self.unsettled &= !(1 << part);
        self.unsettled == 0
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

fn settle(verdict: Verdict, session: &Session, open: &mut BTreeMap<u64, Open>) -> Result<(), LinkFault> {
    match verdict {
        Verdict::Acknowledge { connection, tags } if connection == session.number => {
            let mut settled = BTreeSet::new();
            for Part { message, part } in tags.into_iter().map(Part::of_tag) {
                if open.get_mut(&message).is_some_and(|open| open.settle(part)) {
                    settled.insert(message);
                }
            }
            acknowledge(&settled, &session.channel, open)?;
        }
        Verdict::Reject { connection, tag } if connection == session.number => {
            // Of a message that can be read no part is ever rejected: it goes as a whole.
            if let Some(open) = open.remove(&Part::of_tag(tag).message) {
                open.message
                    .reject(&session.channel, false)
                    .map_err(LinkFault::refused("rejecting"))?;
            }
        }
        // A tag means nothing on another connection.
        Verdict::Acknowledge { .. } | Verdict::Reject { .. } => {}
    }
    Ok(())
}

/// One frame acknowledges all up to the first message that is to stay open: to a quorum queue each is a command that
/// its log has to take.
fn acknowledge(
    settled: &BTreeSet<u64>,
    channel: &Channel,
    open: &mut BTreeMap<u64, Open>,
) -> Result<(), LinkFault> {
    const DOING: &str = "acknowledging";
    let stays = open.keys().find(|tag| !settled.contains(tag)).copied();
    let later = stays.map_or_else(BTreeMap::new, |stays| open.split_off(&stays));
    if let Some((_, last)) = std::mem::replace(open, later).pop_last() {
        last.message
            .ack_multiple(channel)
            .map_err(LinkFault::refused(DOING))?;
    }
    for open in settled.iter().filter_map(|tag| open.remove(tag)) {
        open.message.ack(channel).map_err(LinkFault::refused(DOING))?;
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
