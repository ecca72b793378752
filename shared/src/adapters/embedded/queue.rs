//! The wake-up queue in memory. It loses everything with its process, as a queue may: the store decides.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::sync::{Notify, watch};

use crate::job::QueueName;
use crate::ports::{Clock, ComponentHealth, Deliveries, Delivery, Health, JobQueue, QueueError};
use crate::time::Timestamp;
use crate::wire::Wakeup;

/// One queue for each name. Cheap to clone.
#[derive(Clone)]
pub struct InProcessQueue {
    queues: Arc<BTreeMap<QueueName, Queue>>,
    tags: Arc<AtomicU64>,
    connections: watch::Sender<u64>,
    since: Timestamp,
}

#[derive(Default)]
struct Queue {
    waiting: Mutex<VecDeque<Wakeup>>,
    arrived: Notify,
}

impl Queue {
    fn waiting(&self) -> MutexGuard<'_, VecDeque<Wakeup>> {
        // Nothing that can panic runs under this lock.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The only connection there is.
const CONNECTION: u64 = 1;

impl InProcessQueue {
    /// Empty queues.
    #[must_use]
    pub fn new(clock: &dyn Clock) -> Self {
        let queues = QueueName::ALL
            .into_iter()
            .map(|name| (name, Queue::default()))
            .collect();
        Self {
            queues: Arc::new(queues),
            tags: Arc::default(),
            connections: watch::Sender::new(CONNECTION),
            since: clock.wall(),
        }
    }

    fn queue(&self, name: QueueName) -> &Queue {
        self.queues.get(&name).expect("there is a queue for each name")
    }
}

impl Health for InProcessQueue {
    fn health(&self) -> ComponentHealth {
        ComponentHealth {
            name: "queue",
            up: true,
            since: self.since,
            detail: None,
        }
    }
}

#[async_trait]
impl JobQueue for InProcessQueue {
    async fn send(&self, queue: QueueName, wakeups: Vec<Wakeup>) -> Result<Vec<bool>, QueueError> {
        let sent = vec![true; wakeups.len()];
        let queue = self.queue(queue);
        queue.waiting().extend(wakeups);
        queue.arrived.notify_waiters();
        // For a consumer that has looked and not begun to wait yet.
        queue.arrived.notify_one();
        Ok(sent)
    }

    async fn depth(&self, queue: QueueName) -> Result<u64, QueueError> {
        Ok(self.queue(queue).waiting().len() as u64)
    }

    async fn consume(&self, queue: QueueName, prefetch: u16) -> Box<dyn Deliveries> {
        let prefetch = usize::from(prefetch.max(1));
        Box::new(Consumer {
            owner: self.clone(),
            name: queue,
            prefetch,
            held: BTreeMap::new(),
        })
    }

    fn connections(&self) -> watch::Receiver<u64> {
        self.connections.subscribe()
    }
}

/// A consumer, with what it has not acknowledged.
struct Consumer {
    owner: InProcessQueue,
    name: QueueName,
    prefetch: usize,
    held: BTreeMap<u64, Wakeup>,
}

#[async_trait]
impl Deliveries for Consumer {
    async fn next(&mut self, max: usize) -> Option<Vec<Delivery>> {
        let owner = self.owner.clone();
        let queue = owner.queue(self.name);
        loop {
            let arrived = queue.arrived.notified();
            let room = self.prefetch.saturating_sub(self.held.len()).min(max);
            let taken: Vec<Wakeup> = {
                let mut waiting = queue.waiting();
                let taken = waiting.len().min(room);
                waiting.drain(..taken).collect()
            };
            if !taken.is_empty() {
                return Some(taken.into_iter().map(|wakeup| self.deliver(wakeup)).collect());
            }
            arrived.await;
        }
    }

    async fn acknowledge(&mut self, deliveries: Vec<Delivery>) {
        for delivery in deliveries {
            self.held.remove(&delivery.tag);
        }
        // What waits may have waited for the room.
        self.owner.queue(self.name).arrived.notify_one();
    }

    async fn reject(&mut self, delivery: Delivery) {
        self.acknowledge(vec![delivery]).await;
    }
}

impl Consumer {
    fn deliver(&mut self, wakeup: Wakeup) -> Delivery {
        let tag = self.owner.tags.fetch_add(1, Ordering::Relaxed);
        self.held.insert(tag, wakeup);
        Delivery {
            wakeup: Ok(wakeup),
            connection: CONNECTION,
            tag,
        }
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        let queue = self.owner.queue(self.name);
        queue
            .waiting()
            .extend(std::mem::take(&mut self.held).into_values());
        queue.arrived.notify_one();
    }
}
