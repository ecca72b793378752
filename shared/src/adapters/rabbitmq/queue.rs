//! The async side of the adapter: hands work to the threads, waits with a bound, owns nothing that blocks.

use std::collections::BTreeMap;
use std::iter;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use crossbeam_channel::Sender;
use tokio::sync::{Semaphore, oneshot, watch};
use tokio::time::{Instant, timeout, timeout_at};

use super::address::{Address, AddressFault};
use super::ask::{Asker, MissingQueue, Question};
use super::connection::Link;
use super::consume::Consumer;
use super::health::RabbitHealth;
use super::publish::{Batch, Order, Publisher};
use super::topology::Topology;
use crate::job::QueueName;
use crate::ports::{Clock, ComponentHealth, Deliveries, Health, JobQueue, QueueError};
use crate::wire::Wakeup;

/// Unconfirmed wake-ups of a queue at a time. Each is below 1 KiB with its share of frames, so a server that stops
/// reading leaves less than half of the 16 MiB in amiquip's buffer after which a publish would block.
const WINDOW: usize = 8 * 1024;
/// Wake-ups that one batch carries: others get their turn in between.
const CHUNK: usize = 1024;
/// A server that has not confirmed by then is as good as away; what it has may still arrive.
const PATIENCE: Duration = Duration::from_secs(10);
/// A queue that was mute on so many connections in a row is at fault itself. One that only waits for its leader has one
/// sooner.
const MUTE_MAX: u32 = 3;

/// The [`JobQueue`] on RabbitMQ. Its connections end when it and its deliveries are dropped.
pub struct RabbitQueue {
    address: Result<Address, AddressFault>,
    topology: Topology,
    health: Arc<RabbitHealth>,
    ways: BTreeMap<QueueName, Way>,
    questions: Sender<Question>,
}

/// How wake-ups come to their queue.
struct Way {
    orders: Sender<Order>,
    window: Arc<Semaphore>,
    /// On how many connections in a row the server has confirmed nothing.
    mute: Arc<AtomicU32>,
}

impl RabbitQueue {
    /// Answers at once and connects in the background, again and again. A URL that is none (see [`Address`])
    /// shows in the health.
    #[must_use]
    pub fn connect(url: &str, prefix: &str, clock: Arc<dyn Clock>) -> Self {
        let topology = Topology::new(prefix);
        let health = Arc::new(RabbitHealth::new(clock));
        let (asker, questions, missing) = Asker::new(topology.clone(), Arc::clone(&health));
        let mut queue = Self {
            address: url.parse(),
            topology,
            health,
            ways: BTreeMap::new(),
            questions,
        };
        for name in QueueName::ALL {
            let way = queue.begin(name, missing.clone());
            queue.ways.insert(name, way);
        }
        queue.link("ask", asker).start();
        queue
    }

    fn begin(&self, queue: QueueName, missing: MissingQueue) -> Way {
        let (orders, receiver) = crossbeam_channel::unbounded();
        let mute = Arc::new(AtomicU32::new(0));
        let publisher = Publisher {
            queue,
            orders: receiver,
            mute: Arc::clone(&mute),
            missing,
            topology: self.topology.clone(),
            health: Arc::clone(&self.health),
        };
        self.link("publish", publisher).start();
        Way {
            orders,
            window: Arc::new(Semaphore::new(WINDOW)),
            mute,
        }
    }

    fn link<D>(&self, name: &'static str, duty: D) -> Link<D> {
        Link {
            name,
            address: self.address.clone(),
            topology: self.topology.clone(),
            health: Arc::clone(&self.health),
            duty,
        }
    }

    /// Publishes one chunk; the answer comes when its messages are settled.
    async fn publish(&self, queue: QueueName, wakeups: &[Wakeup]) -> Option<oneshot::Receiver<Vec<bool>>> {
        let way = self.ways.get(&queue)?;
        let len = u32::try_from(wakeups.len()).ok()?;
        let window = Arc::clone(&way.window).acquire_many_owned(len).await.ok()?;
        let (answer, answered) = oneshot::channel();
        let batch = Batch {
            wakeups: wakeups.to_vec(),
            answer,
            window,
        };
        way.orders.send(Order::Send(batch)).ok()?;
        Some(answered)
    }
}

impl Health for RabbitQueue {
    fn health(&self) -> ComponentHealth {
        self.health.now()
    }
}

#[async_trait]
impl JobQueue for RabbitQueue {
    async fn send(&self, queue: QueueName, wakeups: Vec<Wakeup>) -> Result<Vec<bool>, QueueError> {
        if self.health.is_blocked(queue) {
            return Err(QueueError::Blocked);
        }
        let deadline = Instant::now() + PATIENCE;
        let mut answers = Vec::new();
        for chunk in wakeups.chunks(CHUNK) {
            let answer = timeout_at(deadline, self.publish(queue, chunk)).await;
            answers.push((chunk.len(), answer.ok().flatten()));
        }
        let mut confirmed = Vec::with_capacity(wakeups.len());
        // Away only when nothing was sent: a message that is merely unconfirmed may still arrive.
        let mut sent = wakeups.is_empty();
        for (len, answer) in answers {
            let Some(answer) = answer else {
                confirmed.extend(iter::repeat_n(false, len));
                continue;
            };
            match timeout_at(deadline, answer).await {
                Ok(Ok(settled)) => {
                    sent = true;
                    confirmed.extend(settled);
                }
                Ok(Err(_)) => confirmed.extend(iter::repeat_n(false, len)),
                Err(_) => {
                    sent = true;
                    confirmed.extend(iter::repeat_n(false, len));
                }
            }
        }
        if sent {
            Ok(confirmed)
        } else {
            Err(QueueError::Away)
        }
    }

    async fn depth(&self, queue: QueueName) -> Result<u64, QueueError> {
        let (answer, answered) = oneshot::channel();
        self.questions
            .send(Question::Depth { queue, answer })
            .map_err(|_| QueueError::Away)?;
        match timeout(PATIENCE, answered).await {
            Ok(Ok(Ok(depth))) => Ok(depth),
            Ok(Ok(Err(source))) => Err(QueueError::Refused {
                operation: "telling a queue's depth",
                source: Box::new(source),
            }),
            Ok(Err(_)) | Err(_) => Err(QueueError::Away),
        }
    }

    async fn remake_if_mute(&self, queue: QueueName) -> Result<bool, QueueError> {
        let way = self.ways.get(&queue).ok_or(QueueError::Away)?;
        if way.mute.load(Ordering::Relaxed) < MUTE_MAX {
            return Ok(false);
        }
        let (answer, answered) = oneshot::channel();
        self.questions
            .send(Question::Remake { queue, answer })
            .map_err(|_| QueueError::Away)?;
        match timeout(PATIENCE, answered).await {
            Ok(Ok(Ok(()))) => {
                way.mute.store(0, Ordering::Relaxed);
                way.orders.send(Order::Reconnect).map_err(|_| QueueError::Away)?;
                Ok(true)
            }
            Ok(Ok(Err(source))) => Err(QueueError::Refused {
                operation: "to make a queue anew",
                source: Box::new(source),
            }),
            Ok(Err(_)) | Err(_) => Err(QueueError::Away),
        }
    }

    async fn consume(&self, queue: QueueName, prefetch: u16) -> Box<dyn Deliveries> {
        let (consumer, deliveries) = Consumer::pair(self.topology.queue(queue), prefetch);
        self.link("consume", consumer).start();
        Box::new(deliveries)
    }

    fn connections(&self) -> watch::Receiver<u64> {
        self.health.connections()
    }
}
