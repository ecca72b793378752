//! Whether RabbitMQ answers, told by the threads of all connections.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::job::QueueName;
use crate::ports::{Clock, ComponentHealth};

/// Shared by all connections of one queue adapter.
pub(super) struct RabbitHealth {
    clock: Arc<dyn Clock>,
    connections: watch::Sender<u64>,
    state: Mutex<State>,
}

struct State {
    /// The links that are down, by number, and why.
    down: BTreeMap<u64, String>,
    next_link: u64,
    health: ComponentHealth,
    /// Why the server takes no messages for now, as it has told who sends to these queues.
    blocked: BTreeMap<QueueName, String>,
    /// Messages in the dead queue, when it was last looked at.
    dead: u64,
}

impl RabbitHealth {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        let health = ComponentHealth {
            name: "rabbitmq",
            up: true,
            since: clock.wall(),
            detail: None,
        };
        let state = State {
            down: BTreeMap::new(),
            next_link: 0,
            health,
            blocked: BTreeMap::new(),
            dead: 0,
        };
        Self {
            clock,
            connections: watch::Sender::new(0),
            state: Mutex::new(state),
        }
    }

    /// A new link, which is down until it serves.
    pub(super) fn link(&self) -> u64 {
        let mut state = self.lock();
        let link = state.next_link;
        state.next_link += 1;
        drop(state);
        self.down(link, "not connected yet");
        link
    }

    /// A connection was made; answers its number, which no other has.
    pub(super) fn connected(&self) -> u64 {
        let mut number = 0;
        self.connections.send_modify(|connections| {
            *connections += 1;
            number = *connections;
        });
        number
    }

    pub(super) fn down(&self, link: u64, reason: &str) {
        let mut state = self.lock();
        state.down.insert(link, reason.to_owned());
        self.settle(&mut state);
    }

    /// The link serves, or is wanted no more.
    pub(super) fn up(&self, link: u64) {
        let mut state = self.lock();
        state.down.remove(&link);
        self.settle(&mut state);
    }

    /// The server has stopped to take messages from who sends to the queue, or takes them again.
    pub(super) fn set_blocked(&self, queue: QueueName, reason: Option<String>) {
        let mut state = self.lock();
        match reason {
            Some(reason) => state.blocked.insert(queue, reason),
            None => state.blocked.remove(&queue),
        };
        self.settle(&mut state);
    }

    pub(super) fn is_blocked(&self, queue: QueueName) -> bool {
        self.lock().blocked.contains_key(&queue)
    }

    /// How many messages the dead queue holds.
    pub(super) fn set_dead(&self, count: u64) {
        let mut state = self.lock();
        state.dead = count;
        self.settle(&mut state);
    }

    pub(super) fn now(&self) -> ComponentHealth {
        self.lock().health.clone()
    }

    pub(super) fn connections(&self) -> watch::Receiver<u64> {
        self.connections.subscribe()
    }

    fn settle(&self, state: &mut State) {
        let fault = state.down.values().next().cloned();
        let blocked = state
            .blocked
            .values()
            .next()
            .map(|reason| format!("blocked: {reason}"));
        let fault = fault.or(blocked);
        let up = fault.is_none();
        if state.health.up != up {
            state.health.since = self.clock.wall();
        }
        state.health.up = up;
        // One that is up may still have something for an operator to see to.
        let dead = (state.dead > 0).then(|| format!("{} messages in the dead queue", state.dead));
        state.health.detail = fault.or(dead);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
