//! The dead queue, on a connection that is made for one command and ends with it.

use std::thread;
use std::time::Duration;

use amiquip::{Confirm, ConnectionBlockedNotification, Delivery, Return};
use async_trait::async_trait;
use crossbeam_channel::{Receiver, select};
use tokio::sync::oneshot;

use super::address::{Address, AddressFault};
use super::connection::Session;
use super::consume;
use super::dead_message::{dead_message, origin};
use super::error::LinkFault;
use super::publish::{ask_for_verdicts, publish};
use super::topology::Topology;
use crate::job::QueueName;
use crate::ports::{DeadList, DeadQueue, QueueError, Redriven};
use crate::wire::Wakeup;

/// For the confirm of one message.
const CONFIRM_PATIENCE: Duration = Duration::from_secs(10);

/// The [`DeadQueue`] of one deployment on RabbitMQ.
pub struct RabbitDeadQueue {
    address: Result<Address, AddressFault>,
    topology: Topology,
}

impl RabbitDeadQueue {
    /// Connects only when it is asked something. A URL that is none (see [`Address`]) fails then.
    #[must_use]
    pub fn new(url: &str, prefix: &str) -> Self {
        Self {
            address: url.parse(),
            topology: Topology::new(prefix),
        }
    }

    /// Does the work on a connection and a thread of its own, because amiquip blocks.
    async fn with_session<T: Send + 'static>(
        &self,
        operation: &'static str,
        work: impl FnOnce(&Session, &Topology) -> Result<T, LinkFault> + Send + 'static,
    ) -> Result<T, QueueError> {
        let (address, topology) = (self.address.clone(), self.topology.clone());
        let (answer, answered) = oneshot::channel();
        let work = move || {
            let mut session = Session::open(&address?)?;
            let done = topology
                .declare(&mut session)
                .and_then(|()| work(&session, &topology));
            session.close(done)
        };
        let thread = thread::Builder::new().name("rabbitmq-dead".to_owned());
        let started = thread.spawn(move || {
            // Nobody may wait any more.
            let _ = answer.send(work());
        });
        let done = match started {
            Ok(_) => answered.await.unwrap_or(Err(LinkFault::Lost)),
            Err(source) => Err(LinkFault::Thread { source }),
        };
        done.map_err(|fault| match fault {
            LinkFault::Blocked => QueueError::Blocked,
            fault => QueueError::Refused {
                operation,
                source: Box::new(fault),
            },
        })
    }
}

#[async_trait]
impl DeadQueue for RabbitDeadQueue {
    async fn list(&self, max: usize) -> Result<DeadList, QueueError> {
        self.with_session("listing the dead queue", move |session, topology| {
            let total = count(session, topology)?;
            let mut messages = Vec::new();
            // What is taken and not acknowledged goes back with the channel.
            while messages.len() < max
                && let Some(taken) = take(session, topology)?
            {
                messages.push(dead_message(&taken, sendable(&taken, topology).err()));
            }
            Ok(DeadList { total, messages })
        })
        .await
    }

    async fn redrive(&self) -> Result<Redriven, QueueError> {
        self.with_session("sending dead messages again", |session, topology| {
            let sender = Sender::new(session)?;
            let mut redriven = Redriven::default();
            // What dies again meanwhile is left for the next time.
            for _ in 0..count(session, topology)? {
                let Some(taken) = take(session, topology)? else {
                    break;
                };
                match sendable(&taken, topology) {
                    Ok((queue, wakeups)) => {
                        sender.send(&topology.queue(queue), &wakeups)?;
                        taken
                            .ack(&session.channel)
                            .map_err(LinkFault::refused("acknowledging"))?;
                        redriven.sent += 1;
                    }
                    Err(fault) => redriven.kept.push(dead_message(&taken, Some(fault))),
                }
            }
            Ok(redriven)
        })
        .await
    }

    async fn discard(&self) -> Result<u64, QueueError> {
        self.with_session("emptying the dead queue", |session, topology| {
            session
                .channel
                .queue_purge(topology.dead())
                .map(u64::from)
                .map_err(LinkFault::refused("emptying the dead queue"))
        })
        .await
    }
}

fn count(session: &Session, topology: &Topology) -> Result<u64, LinkFault> {
    session
        .depth(topology.dead())
        .map_err(LinkFault::refused("counting dead messages"))
}

fn take(session: &Session, topology: &Topology) -> Result<Option<Delivery>, LinkFault> {
    let taken = session
        .channel
        .basic_get(topology.dead(), false)
        .map_err(LinkFault::refused("taking a dead message"))?;
    Ok(taken.map(|taken| taken.delivery))
}

/// The wake-ups, and where they go; else why it cannot be sent again.
fn sendable(dead: &Delivery, topology: &Topology) -> Result<(QueueName, Vec<Wakeup>), String> {
    let wakeups = consume::read(dead)?;
    let origin = origin(dead);
    let queue = QueueName::ALL
        .into_iter()
        .find(|queue| origin.as_ref() == Some(&topology.queue(*queue)));
    queue
        .map(|queue| (queue, wakeups))
        .ok_or_else(|| "it does not come from a queue of this deployment".to_owned())
}

/// Sends one message after the other, each until it is confirmed.
struct Sender<'a> {
    session: &'a Session,
    confirms: Receiver<Confirm>,
    returns: Receiver<Return>,
}

impl<'a> Sender<'a> {
    fn new(session: &'a Session) -> Result<Self, LinkFault> {
        let (confirms, returns) = ask_for_verdicts(&session.channel)?;
        Ok(Self {
            session,
            confirms,
            returns,
        })
    }

    fn send(&self, queue: &str, wakeups: &[Wakeup]) -> Result<(), LinkFault> {
        let message_id = wakeups.first().map(|first| first.task.to_string());
        publish(
            &self.session.channel,
            queue,
            wakeups,
            &message_id.unwrap_or_default(),
        )?;
        loop {
            select! {
                recv(self.confirms) -> confirm => {
                    let confirmed = matches!(confirm.map_err(|_| LinkFault::Lost)?, Confirm::Ack(_));
                    // A return comes before its confirm.
                    let returned = self.returns.try_iter().count() > 0;
                    return if confirmed && !returned { Ok(()) } else { Err(LinkFault::Unconfirmed) };
                },
                recv(self.session.blocked) -> notification => {
                    match notification.map_err(|_| LinkFault::Lost)? {
                        ConnectionBlockedNotification::Blocked(_) => {
                            self.session.is_blocked.set(true);
                            return Err(LinkFault::Blocked);
                        }
                        ConnectionBlockedNotification::Unblocked => {}
                    }
                },
                default(CONFIRM_PATIENCE) => return Err(LinkFault::Unconfirmed),
            }
        }
    }
}
