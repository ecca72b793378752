//! Step 3 against a store and a queue that answer as a test says.

use std::sync::Mutex;
use std::sync::atomic::AtomicU32;
use std::time::Instant;

use async_trait::async_trait;
use tokio::sync::watch;

use super::*;
use crate::job::{JobId, TaskRef};
use crate::ports::{ComponentHealth, Deliveries, Health};
use crate::time::Timestamp;
use crate::wire::TraceContext;

const BOUND: Duration = Duration::from_secs(60);
const QUEUE: QueueName = QueueName::ALL[0];

/// Tasks that are due until they are marked.
struct Tasks {
    due: Mutex<Vec<DueTask>>,
    /// Whether the window leaves no room.
    full: AtomicBool,
    looks: watch::Sender<u32>,
    /// Looks for whatever is due, however young.
    own_looks: AtomicU32,
    left: watch::Sender<usize>,
}

#[async_trait]
impl DispatchStore for Tasks {
    async fn due(&self, queue: QueueName, limit: usize, whose: Whose) -> Result<DueTasks, StoreError> {
        if queue != QUEUE {
            return Ok(DueTasks::default());
        }
        if whose == Whose::Ours {
            self.own_looks.fetch_add(1, Ordering::SeqCst);
        }
        self.looks.send_modify(|looks| *looks += 1);
        let due = self.due.lock().unwrap();
        let room = if self.full.load(Ordering::SeqCst) {
            0
        } else {
            limit
        };
        Ok(DueTasks {
            tasks: due.iter().take(room).cloned().collect(),
            more: due.len() > room,
        })
    }

    async fn mark_sent(&self, sent: Vec<DueTask>) -> Result<u64, StoreError> {
        let mut due = self.due.lock().unwrap();
        due.retain(|task| !sent.contains(task));
        self.left.send_replace(due.len());
        Ok(sent.len() as u64)
    }

    async fn resend(&self, _: QueueName, _: bool) -> Result<u64, StoreError> {
        Ok(0)
    }

    async fn next_due(&self, _: QueueName) -> Result<Option<Duration>, StoreError> {
        Ok(None)
    }

    async fn outstanding(&self, _: QueueName) -> Result<u64, StoreError> {
        Ok(0)
    }
}

/// A server that confirms only every second message of the first sending.
struct Forgetful {
    connections: watch::Sender<u64>,
    remembers: AtomicBool,
}

/// A server that cannot be reached.
struct Away {
    connections: watch::Sender<u64>,
    tries: watch::Sender<u32>,
    remade: watch::Sender<u32>,
}

impl Health for Forgetful {
    fn health(&self) -> ComponentHealth {
        ComponentHealth {
            name: "queue",
            up: true,
            since: Timestamp::MIN,
            detail: None,
        }
    }
}

#[async_trait]
impl JobQueue for Forgetful {
    async fn send(&self, _: QueueName, wakeups: Vec<Wakeup>) -> Result<Vec<bool>, QueueError> {
        let remembers = self.remembers.swap(true, Ordering::SeqCst);
        Ok((0..wakeups.len())
            .map(|place| remembers || place % 2 == 0)
            .collect())
    }

    async fn depth(&self, _: QueueName) -> Result<u64, QueueError> {
        Ok(0)
    }

    async fn consume(&self, _: QueueName, _: u16) -> Box<dyn Deliveries> {
        panic!("a dispatcher takes nothing")
    }

    fn connections(&self) -> watch::Receiver<u64> {
        self.connections.subscribe()
    }
}

impl Health for Away {
    fn health(&self) -> ComponentHealth {
        ComponentHealth {
            name: "queue",
            up: false,
            since: Timestamp::MIN,
            detail: None,
        }
    }
}

#[async_trait]
impl JobQueue for Away {
    async fn send(&self, _: QueueName, _: Vec<Wakeup>) -> Result<Vec<bool>, QueueError> {
        self.tries.send_modify(|tries| *tries += 1);
        Err(QueueError::Away)
    }

    async fn depth(&self, _: QueueName) -> Result<u64, QueueError> {
        Err(QueueError::Away)
    }

    async fn remake_if_mute(&self, _: QueueName) -> Result<bool, QueueError> {
        self.remade.send_modify(|remade| *remade += 1);
        Ok(true)
    }

    async fn consume(&self, _: QueueName, _: u16) -> Box<dyn Deliveries> {
        panic!("a dispatcher takes nothing")
    }

    fn connections(&self) -> watch::Receiver<u64> {
        self.connections.subscribe()
    }
}

fn tasks(tasks: u32, full: bool) -> Arc<Tasks> {
    let job = JobId::generate();
    let due = |task| DueTask {
        task: TaskRef { job, task },
        dispatch_no: 0,
        trace: TraceContext::generate(),
    };
    Arc::new(Tasks {
        due: Mutex::new((0..tasks).map(due).collect()),
        full: AtomicBool::new(full),
        looks: watch::Sender::new(0),
        own_looks: AtomicU32::new(0),
        left: watch::Sender::new(tasks as usize),
    })
}

fn start(due: u32, full: bool, handle: DispatchHandle) -> (Arc<Tasks>, CancellationToken) {
    let store = tasks(due, full);
    let queue = Arc::new(Forgetful {
        connections: watch::Sender::new(1),
        remembers: AtomicBool::new(false),
    });
    let dispatcher = Dispatcher::new(Arc::clone(&store) as _, queue, handle);
    let shutdown = CancellationToken::new();
    tokio::spawn(dispatcher.run(shutdown.clone()));
    (store, shutdown)
}

fn start_to_nobody(handle: DispatchHandle) -> (Arc<Away>, CancellationToken) {
    let queue = Arc::new(Away {
        connections: watch::Sender::new(0),
        tries: watch::Sender::new(0),
        remade: watch::Sender::new(0),
    });
    let dispatcher = Dispatcher::new(tasks(1, false), Arc::clone(&queue) as _, handle);
    let shutdown = CancellationToken::new();
    tokio::spawn(dispatcher.run(shutdown.clone()));
    (queue, shutdown)
}

#[tokio::test]
async fn what_was_not_confirmed_is_sent_again_until_it_was() {
    let (store, shutdown) = start(2_500, false, DispatchHandle::default());
    let mut left = store.left.subscribe();
    let none = tokio::time::timeout(BOUND, left.wait_for(|left| *left == 0)).await;
    assert_eq!(*none.unwrap().unwrap(), 0);
    shutdown.cancel();
}

#[tokio::test]
async fn p5_a_full_window_is_looked_at_calmly() {
    const LOOKS: u32 = 10;
    let started = Instant::now();
    let handle = DispatchHandle::default();
    handle.nudge(QUEUE);
    let (store, shutdown) = start(1, true, handle);
    let mut looks = store.looks.subscribe();
    let looked = tokio::time::timeout(BOUND, looks.wait_for(|looks| *looks > LOOKS)).await;
    assert!(*looked.unwrap().unwrap() > LOOKS);
    // The first is the start's, and the nudge brings the second.
    let calm = ROOM_EVERY * (LOOKS - 1);
    assert!(started.elapsed() >= calm, "{:?}", started.elapsed());
    // And what gets room is sent.
    store.full.store(false, Ordering::SeqCst);
    let mut left = store.left.subscribe();
    let none = tokio::time::timeout(BOUND, left.wait_for(|left| *left == 0)).await;
    assert_eq!(*none.unwrap().unwrap(), 0);
    shutdown.cancel();
}

#[tokio::test(start_paused = true)]
async fn p5_who_finds_a_full_window_at_its_start_leaves_the_rest_to_the_sweeper() {
    let handle = DispatchHandle::default();
    handle.sweep(true);
    let (store, shutdown) = start(1, true, handle.clone());
    let mut looks = store.looks.subscribe();
    looks.wait_for(|looks| *looks > 10).await.unwrap();
    assert_eq!(store.own_looks.load(Ordering::SeqCst), 1);
    // What this process made due itself is its own to send.
    handle.nudge(QUEUE);
    looks.wait_for(|looks| *looks > 20).await.unwrap();
    assert!(store.own_looks.load(Ordering::SeqCst) > 2);
    shutdown.cancel();
}

#[tokio::test(start_paused = true)]
async fn more_work_does_not_hasten_the_next_try_of_a_queue_that_is_away() {
    let handle = DispatchHandle::default();
    let (queue, shutdown) = start_to_nobody(handle.clone());
    let mut tries = queue.tries.subscribe();
    tries.wait_for(|tries| *tries == 1).await.unwrap();
    for _ in 0..1_000 {
        handle.nudge(QUEUE);
        // Never idle, so that the paused clock stands still.
        tokio::task::yield_now().await;
    }
    assert_eq!(*tries.borrow(), 1);
    tries.wait_for(|tries| *tries == 2).await.unwrap();
    shutdown.cancel();
}

#[tokio::test(start_paused = true)]
async fn p5_only_who_sweeps_makes_a_queue_anew() {
    let handle = DispatchHandle::default();
    let (queue, shutdown) = start_to_nobody(handle.clone());
    let mut tries = queue.tries.subscribe();
    tries.wait_for(|tries| *tries > 5).await.unwrap();
    assert_eq!(*queue.remade.borrow(), 0);
    handle.sweep(true);
    let mut remade = queue.remade.subscribe();
    remade.wait_for(|remade| *remade > 0).await.unwrap();
    shutdown.cancel();
}
