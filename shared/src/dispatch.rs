//! Step 3: undispatched tasks are sent to their queue, confirmed, and marked.
//!
//! The store decides what is to be sent; a dispatcher may be nudged by who made something due, and looks on its
//! own every second. Every process runs one: an `api` sends what it accepted, a worker what it woke, and the
//! process that holds the rescuer's lease whatever has waited longer than [`SWEEP_AGE`] for anybody.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::faults::{self, Step};
use crate::job::{Backoff, QueueName};
use crate::ports::{DispatchStore, DueTask, DueTasks, JobQueue, QueueError, StoreError, Whose};
use crate::wire::Wakeup;

/// Tasks that have been due for this long are sent by the sweeper, whoever should have sent them, unless somebody
/// keeps their queue's window filled.
pub const SWEEP_AGE: Duration = Duration::from_secs(2);
/// How many tasks are read, sent and marked at a time.
const BATCH: usize = 1_000;
/// How often a dispatcher looks without being nudged.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How soon it looks again for what is due and could not be sent: the window is full.
const ROOM_EVERY: Duration = Duration::from_millis(200);

/// A cheap handle by which others tell the dispatcher that there is something to send.
#[derive(Clone, Debug, Default)]
pub struct DispatchHandle {
    nudges: Arc<[Nudge; QueueName::ALL.len()]>,
    sweeping: Arc<AtomicBool>,
}

#[derive(Debug, Default)]
struct Nudge(Notify);

impl DispatchHandle {
    /// Says that this process made tasks of the queue due.
    pub fn nudge(&self, queue: QueueName) {
        self.of(queue).notify_one();
    }

    /// Makes this process's dispatcher care for tasks that others made due, or no longer.
    pub fn sweep(&self, on: bool) {
        self.sweeping.store(on, Ordering::Relaxed);
    }

    fn of(&self, queue: QueueName) -> &Notify {
        let place = QueueName::ALL.iter().position(|name| *name == queue);
        &self.nudges[place.expect("ALL holds every queue")].0
    }
}

/// Sends what is due.
pub struct Dispatcher {
    store: Arc<dyn DispatchStore>,
    queue: Arc<dyn JobQueue>,
    handle: DispatchHandle,
}

/// A round that did not get through; the next one tries again.
#[derive(Debug, thiserror::Error)]
enum RoundError {
    #[error("the store did not say what is due")]
    Store(#[from] StoreError),
    #[error("the queue did not take what is due")]
    Queue(#[from] QueueError),
    #[error("{unconfirmed} of {sent} wake-ups were not confirmed")]
    Unconfirmed { unconfirmed: usize, sent: usize },
}

/// How a round ended that met no fault.
#[derive(Clone, Copy)]
enum Round {
    AllSent,
    /// Something is due, and waits for claims to make room.
    WindowFull,
}

/// When a dispatcher looks again without being nudged.
struct NextLook {
    pause: Duration,
    /// Whether what is due then is for this process to send, whatever its age.
    ours: bool,
}

impl Dispatcher {
    /// A dispatcher of all queues; `handle` is given to those who make tasks due.
    #[must_use]
    pub fn new(store: Arc<dyn DispatchStore>, queue: Arc<dyn JobQueue>, handle: DispatchHandle) -> Self {
        Self { store, queue, handle }
    }

    /// Runs until `shutdown`, each queue on its own so that a full window of one does not hold up another (P5).
    pub async fn run(self, shutdown: CancellationToken) {
        let this = Arc::new(self);
        let tracker = TaskTracker::new();
        for queue in QueueName::ALL {
            let this = Arc::clone(&this);
            let shutdown = shutdown.clone();
            tracker.spawn(async move { this.run_queue(queue, shutdown).await });
        }
        tracker.close();
        tracker.wait().await;
    }

    async fn run_queue(&self, queue: QueueName, shutdown: CancellationToken) {
        let mut connections = self.queue.connections();
        let mut failures = 0;
        // At its start a process sends what it may have left behind; what finds no room then is the sweeper's.
        let mut own_work = true;
        let mut nudged = false;
        let mut swept = None;
        loop {
            let round = self.round(queue, own_work, &mut connections, &mut swept);
            let Some(round) = shutdown.run_until_cancelled(round).await else {
                return;
            };
            let next = match round {
                Ok(done) => {
                    if failures > 0 {
                        tracing::info!(queue = %queue, "dispatch goes on");
                    }
                    failures = 0;
                    if matches!(done, Round::AllSent) {
                        nudged = false;
                    }
                    self.next_look(queue, done, own_work && nudged).await
                }
                Err(error) => {
                    failures += 1;
                    if failures == 1 {
                        tracing::warn!(
                            queue = %queue, error = &error as &dyn std::error::Error,
                            "dispatch is held up and will be tried again"
                        );
                    }
                    self.mend(queue).await;
                    // What could not be sent stays our own work until it was.
                    NextLook {
                        pause: Backoff::RECONNECT.draw(failures),
                        ours: true,
                    }
                }
            };
            own_work = tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                // While the queue is away, more work is no reason to try it sooner.
                () = self.handle.of(queue).notified(), if failures == 0 => {
                    nudged = true;
                    true
                }
                () = tokio::time::sleep(next.pause) => next.ours,
            };
        }
    }

    /// Sends what is due to be sent by this process.
    async fn round(
        &self,
        queue: QueueName,
        own_work: bool,
        connections: &mut watch::Receiver<u64>,
        swept: &mut Option<Instant>,
    ) -> Result<Round, RoundError> {
        let mut window_full = own_work && self.send_due(queue, Whose::Ours).await?;
        if self.handle.sweeping.load(Ordering::Relaxed) {
            if swept.is_none_or(|swept| swept.elapsed() >= LOOK_EVERY) {
                self.resend_lost(queue, connections.has_changed().unwrap_or(false))
                    .await?;
                connections.mark_unchanged();
                *swept = Some(Instant::now());
            }
            // Whatever is due for that long is among one's own work.
            if !own_work {
                window_full = self.send_due(queue, Whose::LeftBehind(SWEEP_AGE)).await?;
            }
        }
        Ok(if window_full {
            Round::WindowFull
        } else {
            Round::AllSent
        })
    }

    /// Sends batches until nothing is due, or the window is full: then the answer is true.
    async fn send_due(&self, queue: QueueName, whose: Whose) -> Result<bool, RoundError> {
        loop {
            let DueTasks { tasks, more } = self.store.due(queue, BATCH, whose).await?;
            if tasks.is_empty() {
                return Ok(more);
            }
            let wakeups: Vec<_> = tasks
                .iter()
                .map(|due| Wakeup {
                    task: due.task,
                    trace: due.trace.child(),
                })
                .collect();
            let sent = wakeups.len();
            let confirmed = self.queue.send(queue, wakeups).await?;
            faults::reach(Step::DispatchAfterSend);
            let marks: Vec<DueTask> = tasks
                .into_iter()
                .zip(confirmed)
                .filter_map(|(due, confirmed)| confirmed.then_some(due))
                .collect();
            let unconfirmed = sent - marks.len();
            self.store.mark_sent(marks).await?;
            metrics::counter!("census_wakeups_sent_total", "queue" => queue.as_str())
                .increment((sent - unconfirmed) as u64);
            if unconfirmed > 0 {
                return Err(RoundError::Unconfirmed { unconfirmed, sent });
            }
            if !more {
                return Ok(false);
            }
        }
    }

    /// P5: a wake-up may have been lost with a connection or by the broker.
    async fn resend_lost(&self, queue: QueueName, reconnected: bool) -> Result<(), RoundError> {
        if self.store.outstanding(queue).await? == 0 {
            return Ok(());
        }
        let found_empty = self.queue.depth(queue).await? == 0;
        let due_again = self.store.resend(queue, found_empty).await?;
        if due_again > 0 {
            tracing::info!(
                queue = %queue, tasks = due_again, reconnected, found_empty,
                "wake-ups seem lost and are sent again"
            );
            self.send_due(queue, Whose::Ours).await?;
        }
        Ok(())
    }

    /// P5: nothing but wake-ups is lost with a queue that confirms nothing, and the store has them sent again. One process
    /// does it, the one that cares for what others left behind.
    async fn mend(&self, queue: QueueName) {
        if !self.handle.sweeping.load(Ordering::Relaxed) {
            return;
        }
        match self.queue.remake_if_mute(queue).await {
            Ok(true) => tracing::warn!(queue = %queue, "the queue confirmed nothing and was made anew"),
            Ok(false) => {}
            Err(error) => tracing::warn!(
                queue = %queue, error = &error as &dyn std::error::Error,
                "the queue confirms nothing and cannot be made anew"
            ),
        }
    }

    /// Soon where there is no room now, otherwise when the next back-off ends, at most in [`LOOK_EVERY`].
    async fn next_look(&self, queue: QueueName, round: Round, ours: bool) -> NextLook {
        if matches!(round, Round::WindowFull) {
            return NextLook {
                pause: ROOM_EVERY,
                ours,
            };
        }
        let pause = match self.store.next_due(queue).await {
            Ok(Some(due)) => due.clamp(Duration::from_millis(1), LOOK_EVERY),
            Ok(None) | Err(_) => LOOK_EVERY,
        };
        NextLook {
            pause,
            ours: pause < LOOK_EVERY,
        }
    }
}

#[cfg(test)]
mod tests;
