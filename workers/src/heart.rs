//! Heartbeats: one service extends the leases of all attempts of the process, and tells them what it learns.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use shared::job::{Lease, TaskRef};
use shared::ports::{AttemptStore, Heartbeat, HeartbeatOutcome};
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

/// What an attempt is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// Go on.
    Go,
    /// Stop, drain what is under way, and hand the task back.
    Stop,
    /// The lease is another's: stop, and write nothing.
    Lost,
}

/// The heartbeats of one process.
pub(crate) struct Heart {
    store: Arc<dyn AttemptStore>,
    every: Duration,
    pulses: Mutex<BTreeMap<TaskRef, Arc<Beat>>>,
}

struct Beat {
    lease: Lease,
    published: AtomicU64,
    signal: watch::Sender<Signal>,
}

/// One attempt's side of the heart. The lease is extended until it is dropped.
pub(crate) struct Pulse {
    heart: Arc<Heart>,
    beat: Arc<Beat>,
    signal: watch::Receiver<Signal>,
}

impl Heart {
    pub(crate) fn new(store: Arc<dyn AttemptStore>, every: Duration) -> Arc<Self> {
        Arc::new(Self {
            store,
            every,
            pulses: Mutex::default(),
        })
    }

    /// Starts to extend a lease.
    pub(crate) fn hold(self: &Arc<Self>, lease: Lease) -> Pulse {
        let (sender, signal) = watch::channel(Signal::Go);
        let beat = Arc::new(Beat {
            lease,
            published: AtomicU64::new(0),
            signal: sender,
        });
        self.pulses().insert(lease.task, Arc::clone(&beat));
        Pulse {
            heart: Arc::clone(self),
            beat,
            signal,
        }
    }

    /// Extends all leases until `stop`.
    pub(crate) async fn run(self: Arc<Self>, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(self.every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            let beats: Vec<Arc<Beat>> = self.pulses().values().map(Arc::clone).collect();
            if !beats.is_empty() {
                self.beat(&beats).await;
            }
        }
    }

    async fn beat(&self, beats: &[Arc<Beat>]) {
        let signs = beats
            .iter()
            .map(|beat| Heartbeat {
                lease: beat.lease,
                published: beat.published.load(Ordering::Relaxed),
            })
            .collect();
        match self.store.heartbeat(signs).await {
            Ok(outcomes) => {
                for (beat, outcome) in beats.iter().zip(outcomes) {
                    beat.learn(outcome);
                }
            }
            // The leases hold for two more beats, and an attempt that loses its own is fenced.
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "leases could not be extended"
                );
            }
        }
    }

    fn pulses(&self) -> MutexGuard<'_, BTreeMap<TaskRef, Arc<Beat>>> {
        self.pulses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Beat {
    fn learn(&self, outcome: HeartbeatOutcome) {
        let signal = match outcome {
            HeartbeatOutcome::Held => return,
            HeartbeatOutcome::Cancelling => Signal::Stop,
            HeartbeatOutcome::Lost => Signal::Lost,
        };
        self.signal
            .send_if_modified(|now| std::mem::replace(now, signal) != signal);
    }
}

impl Pulse {
    /// The lease that it extends.
    pub(crate) fn lease(&self) -> Lease {
        self.beat.lease
    }

    /// What the attempt is to do now.
    pub(crate) fn signal(&self) -> Signal {
        *self.signal.borrow()
    }

    /// Waits until the attempt is to stop, and says why. Cancel-safe.
    pub(crate) async fn stopped(&self) -> Signal {
        let mut signal = self.signal.clone();
        let stopped = signal.wait_for(|signal| *signal != Signal::Go).await;
        *stopped.expect("the beat, which owns the sender, lives as long as its pulse")
    }

    /// Asks the attempt to stop, because its process does.
    pub(crate) fn stop(&self) {
        self.beat.signal.send_if_modified(|now| match now {
            Signal::Go => {
                *now = Signal::Stop;
                true
            }
            Signal::Stop | Signal::Lost => false,
        });
    }

    /// Shows progress with the next beat.
    pub(crate) fn show_published(&self, published: u64) {
        self.beat.published.store(published, Ordering::Relaxed);
    }
}

impl Drop for Pulse {
    fn drop(&mut self) {
        let mut pulses = self.heart.pulses();
        // A later attempt of the same task may have begun to beat.
        if pulses
            .get(&self.beat.lease.task)
            .is_some_and(|beat| Arc::ptr_eq(beat, &self.beat))
        {
            pulses.remove(&self.beat.lease.task);
        }
    }
}
