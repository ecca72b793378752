//! The wake-up queue in memory (step 3): what is in it is lost with the process, and the store knows better.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::sync::{Notify, watch};

use crate::job::QueueName;
use crate::ports::{Clock, ComponentHealth, Deliveries, Delivery, Health, JobQueue, QueueError};
use crate::wire::Wakeup;

/// There is only ever one "connection": nothing sent is lost while the process lives.
const CONNECTION: u64 = 1;

/// A [`JobQueue`] that never leaves the process.
pub struct InProcessQueue {
    lines: BTreeMap<QueueName, Arc<Line>>,
    connections: watch::Sender<u64>,
    health: ComponentHealth,
}

/// One queue.
#[derive(Default)]
struct Line {
    waiting: Mutex<VecDeque<Wakeup>>,
    /// Told when a wake-up joined the line or a prefetch window opened.
    moved: Notify,
}

impl Line {
    fn waiting(&self) -> MutexGuard<'_, VecDeque<Wakeup>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl InProcessQueue {
    /// An empty queue of each name.
    #[must_use]
    pub fn new(clock: &dyn Clock) -> Self {
        Self {
            lines: QueueName::ALL.map(|queue| (queue, Arc::default())).into(),
            connections: watch::Sender::new(CONNECTION),
            health: ComponentHealth {
                name: "queue",
                up: true,
                since: clock.wall(),
                detail: None,
            },
        }
    }

    fn line(&self, queue: QueueName) -> &Arc<Line> {
        self.lines.get(&queue).expect("`new` makes a line of every name")
    }
}

impl Health for InProcessQueue {
    fn health(&self) -> ComponentHealth {
        self.health.clone()
    }
}

#[async_trait]
impl JobQueue for InProcessQueue {
    async fn send(&self, queue: QueueName, wakeups: Vec<Wakeup>) -> Result<Vec<bool>, QueueError> {
        let confirmed = vec![true; wakeups.len()];
        let line = self.line(queue);
        line.waiting().extend(wakeups);
        line.moved.notify_waiters();
        Ok(confirmed)
    }

    async fn depth(&self, queue: QueueName) -> Result<u64, QueueError> {
        Ok(self.line(queue).waiting().len() as u64)
    }

    async fn consume(&self, queue: QueueName, prefetch: u16) -> Box<dyn Deliveries> {
        Box::new(InProcessDeliveries {
            line: Arc::clone(self.line(queue)),
            prefetch: usize::from(prefetch.max(1)),
            unacknowledged: BTreeMap::new(),
            next_tag: 1,
        })
    }

    fn connections(&self) -> watch::Receiver<u64> {
        self.connections.subscribe()
    }
}

struct InProcessDeliveries {
    line: Arc<Line>,
    prefetch: usize,
    unacknowledged: BTreeMap<u64, Wakeup>,
    next_tag: u64,
}

impl InProcessDeliveries {
    fn take(&mut self, max: usize) -> Vec<Delivery> {
        let room = self.prefetch.saturating_sub(self.unacknowledged.len());
        let mut waiting = self.line.waiting();
        let count = room.min(max).min(waiting.len());
        waiting
            .drain(..count)
            .map(|wakeup| {
                let tag = self.next_tag;
                self.next_tag += 1;
                self.unacknowledged.insert(tag, wakeup);
                Delivery {
                    wakeup: Ok(wakeup),
                    connection: CONNECTION,
                    tag,
                }
            })
            .collect()
    }
}

#[async_trait]
impl Deliveries for InProcessDeliveries {
    async fn next(&mut self, max: usize) -> Option<Vec<Delivery>> {
        let line = Arc::clone(&self.line);
        loop {
            let mut moved = std::pin::pin!(line.moved.notified());
            // Registered before the look, so that nothing that comes between is missed.
            moved.as_mut().enable();
            let taken = self.take(max);
            if !taken.is_empty() {
                return Some(taken);
            }
            moved.await;
        }
    }

    async fn acknowledge(&mut self, deliveries: Vec<Delivery>) {
        for delivery in deliveries
            .into_iter()
            .filter(|delivery| delivery.connection == CONNECTION)
        {
            self.unacknowledged.remove(&delivery.tag);
        }
    }

    async fn reject(&mut self, delivery: Delivery) {
        if delivery.connection == CONNECTION {
            self.unacknowledged.remove(&delivery.tag);
        }
    }
}

impl Drop for InProcessDeliveries {
    /// What was delivered and not acknowledged goes back to the head of the line.
    fn drop(&mut self) {
        let mut waiting = self.line.waiting();
        for wakeup in std::mem::take(&mut self.unacknowledged).into_values().rev() {
            waiting.push_front(wakeup);
        }
        drop(waiting);
        self.line.moved.notify_waiters();
    }
}
