//! A broker of wake-ups that loses, repeats, delays and reorders them, and forgets confirms and acknowledgements.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use shared::job::QueueName;
use shared::ports::{Clock, ComponentHealth, Deliveries, Delivery, Health, JobQueue, QueueError};
use shared::wire::Wakeup;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::life::Life;
use super::world::World;

/// How long the adversary holds a wake-up back at most, in milliseconds.
const HELD_BACK_MS: u64 = 5_000;

#[derive(Default)]
pub(super) struct Broker {
    inside: Mutex<Inside>,
    moved: Notify,
}

#[derive(Default)]
struct Inside {
    lines: BTreeMap<QueueName, Line>,
    next_tag: u64,
    /// The line that gives nothing out.
    stalled: Option<QueueName>,
}

#[derive(Default)]
struct Line {
    waiting: Vec<Message>,
    unacknowledged: BTreeMap<u64, Taken>,
}

struct Message {
    /// `None` is a message that nobody can read.
    wakeup: Option<Wakeup>,
    ready: Instant,
}

struct Taken {
    by: String,
    message: Message,
    /// Claims that the taker had committed by then (P6).
    claims: u64,
}

impl Broker {
    /// What this process had taken and not acknowledged waits again.
    pub(super) fn drop_connection(&self, life: &Life) {
        for line in self.inside().lines.values_mut() {
            let taken = std::mem::take(&mut line.unacknowledged);
            for (tag, taken) in taken {
                if taken.by == life.name {
                    line.waiting.push(taken.message);
                } else {
                    line.unacknowledged.insert(tag, taken);
                }
            }
        }
        self.moved.notify_waiters();
    }

    /// The broker comes back with an empty disk.
    pub(super) fn wipe(&self) {
        self.inside().lines.clear();
    }

    /// One line gives nothing out, or all do.
    pub(super) fn stall(&self, queue: Option<QueueName>) {
        self.inside().stalled = queue;
        self.moved.notify_waiters();
    }

    fn put(&self, queue: QueueName, wakeup: Option<Wakeup>, ready: Instant) {
        let message = Message { wakeup, ready };
        self.inside().line(queue).waiting.push(message);
        self.moved.notify_waiters();
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inside {
    fn line(&mut self, queue: QueueName) -> &mut Line {
        self.lines.entry(queue).or_default()
    }
}

/// One process's connection to the broker.
pub(super) struct SimQueue {
    world: Arc<World>,
    life: Arc<Life>,
    connections: watch::Sender<u64>,
}

impl SimQueue {
    pub(super) fn connect(world: &Arc<World>, life: &Arc<Life>) -> Self {
        Self {
            world: Arc::clone(world),
            life: Arc::clone(life),
            connections: watch::Sender::new(1),
        }
    }

    /// The connection breaks, and another one is made.
    fn break_connection(&self) {
        self.world.note(&self.life, || "loses its connection".to_owned());
        self.connections.send_modify(|connection| *connection += 1);
        self.world.broker.drop_connection(&self.life);
    }

    fn strikes(&self) -> bool {
        let World { dice, faults, .. } = &*self.world;
        faults.strike(dice, faults.temper().wakeup)
    }

    /// Sends one wake-up, whatever that means here; returns whether it is confirmed.
    fn send_one(&self, queue: QueueName, wakeup: Wakeup, soon: Instant) -> bool {
        let World { dice, broker, .. } = &*self.world;
        if !self.strikes() {
            broker.put(queue, Some(wakeup), soon);
            return true;
        }
        let late = Instant::now() + dice.millis(0..=HELD_BACK_MS);
        let (times, confirmed) = *dice.pick(&[
            (0, true),
            (0, false),
            (1, false),
            (1, true),
            (2, true),
            (3, false),
        ]);
        self.world.note(&self.life, || {
            format!("sends {} {times} times, confirmed: {confirmed}", wakeup.task)
        });
        for _ in 0..times {
            broker.put(queue, Some(wakeup), late);
        }
        if dice.one_in(8) {
            broker.put(queue, None, soon);
        }
        confirmed
    }
}

impl Health for SimQueue {
    fn health(&self) -> ComponentHealth {
        ComponentHealth {
            name: "rabbitmq",
            up: true,
            since: self.world.clock.wall(),
            detail: None,
        }
    }
}

#[async_trait]
impl JobQueue for SimQueue {
    async fn send(&self, queue: QueueName, wakeups: Vec<Wakeup>) -> Result<Vec<bool>, QueueError> {
        self.life.step().await;
        if self.strikes() && self.world.dice.one_in(4) {
            self.break_connection();
            return Err(QueueError::Away);
        }
        // What is sent together comes together, and one claim brings it.
        let latency_ms = self.world.faults.temper().latency_ms;
        let soon = Instant::now() + self.world.dice.millis(0..=latency_ms);
        let confirmed = wakeups
            .into_iter()
            .map(|wakeup| self.send_one(queue, wakeup, soon))
            .collect();
        tokio::task::yield_now().await;
        self.life.step().await;
        Ok(confirmed)
    }

    async fn depth(&self, queue: QueueName) -> Result<u64, QueueError> {
        self.life.step().await;
        Ok(self.world.broker.inside().line(queue).waiting.len() as u64)
    }

    async fn consume(&self, queue: QueueName, prefetch: u16) -> Box<dyn Deliveries> {
        Box::new(SimDeliveries {
            queue,
            prefetch: usize::from(prefetch),
            connections: self.connections.subscribe(),
            source: Self::clone_of(self),
        })
    }

    fn connections(&self) -> watch::Receiver<u64> {
        self.connections.subscribe()
    }
}

impl SimQueue {
    fn clone_of(&self) -> Self {
        Self {
            world: Arc::clone(&self.world),
            life: Arc::clone(&self.life),
            connections: self.connections.clone(),
        }
    }
}

struct SimDeliveries {
    queue: QueueName,
    prefetch: usize,
    connections: watch::Receiver<u64>,
    source: SimQueue,
}

impl SimDeliveries {
    /// What can be taken now, in any order; or when to look again.
    fn take(&self, max: usize) -> Result<Vec<Delivery>, Option<Instant>> {
        let World { dice, broker, .. } = &*self.source.world;
        let now = Instant::now();
        let mut inside = broker.inside();
        if inside.stalled == Some(self.queue) {
            return Err(None);
        }
        let mut taken = Vec::new();
        loop {
            let held = inside.line(self.queue).unacknowledged.values();
            let held = held.filter(|taken| taken.by == self.source.life.name).count();
            let waiting = &mut inside.line(self.queue).waiting;
            let ready: Vec<usize> = (0..waiting.len())
                .filter(|place| waiting[*place].ready <= now)
                .collect();
            if ready.is_empty() || taken.len() == max || held == self.prefetch {
                let soonest = waiting
                    .iter()
                    .map(|message| message.ready)
                    .filter(|ready| *ready > now);
                return if taken.is_empty() {
                    Err(soonest.min())
                } else {
                    Ok(taken)
                };
            }
            let message = waiting.swap_remove(*dice.pick(&ready));
            let tag = inside.next_tag;
            inside.next_tag += 1;
            taken.push(Delivery {
                wakeup: message.wakeup.ok_or_else(|| "not a wake-up".to_owned()),
                connection: *self.connections.borrow(),
                tag,
            });
            let taken = Taken {
                by: self.source.life.name.clone(),
                message,
                claims: self.source.life.claims(),
            };
            inside.line(self.queue).unacknowledged.insert(tag, taken);
        }
    }

    /// The message of a delivery, unless it went back with its connection.
    fn settle(&self, delivery: &Delivery) -> Option<Taken> {
        let mut inside = self.source.world.broker.inside();
        inside.line(self.queue).unacknowledged.remove(&delivery.tag)
    }
}

#[async_trait]
impl Deliveries for SimDeliveries {
    async fn next(&mut self, max: usize) -> Option<Vec<Delivery>> {
        loop {
            self.source.life.step().await;
            let moved = self.source.world.broker.moved.notified();
            tokio::pin!(moved);
            moved.as_mut().enable();
            let again = match self.take(max) {
                Ok(taken) => return Some(taken),
                Err(again) => again,
            };
            match again {
                Some(at) => drop(tokio::time::timeout_at(at, moved).await),
                None => moved.await,
            }
        }
    }

    async fn acknowledge(&mut self, deliveries: Vec<Delivery>) {
        self.source.life.step().await;
        let World { broker, history, .. } = &*self.source.world;
        for delivery in deliveries {
            let Some(taken) = self.settle(&delivery) else {
                continue;
            };
            if self.source.life.claims() == taken.claims {
                history.violate("P6", || {
                    format!("{} acknowledged before its claim was committed", self.source.life)
                });
            }
            if self.source.strikes() {
                // The acknowledgement is lost: the message comes again.
                let ready = Instant::now() + Duration::from_millis(HELD_BACK_MS / 2);
                broker.put(self.queue, taken.message.wakeup, ready);
            }
        }
    }

    async fn reject(&mut self, delivery: Delivery) {
        self.source.life.step().await;
        self.settle(&delivery);
    }
}
