//! The life of one simulated process. A process is what it does to others: one that is dead never returns from its
//! next step outside, and one that stands still returns when it goes on, perhaps after its lease.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::Connection;
use shared::adapters::sqlite::WriteError;
use shared::adapters::sqlite::memory::{Fate, Seam};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::world::World;

pub(super) struct Life {
    pub(super) name: String,
    pub(super) shutdown: CancellationToken,
    /// Claims that it committed.
    claims: AtomicU64,
    state: Mutex<State>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Runs,
    StandsStill { until: Instant },
    Dead,
}

impl Life {
    pub(super) fn new(name: String) -> Arc<Self> {
        Arc::new(Self {
            name,
            shutdown: CancellationToken::new(),
            claims: AtomicU64::new(0),
            state: Mutex::new(State::Runs),
        })
    }

    pub(super) fn is_dead(&self) -> bool {
        *self.state() == State::Dead
    }

    pub(super) fn end(&self) {
        *self.state() = State::Dead;
    }

    pub(super) fn stand_still(&self, time: Duration) {
        let mut state = self.state();
        if *state == State::Runs {
            let until = Instant::now() + time;
            *state = State::StandsStill { until };
        }
    }

    /// Returns when the process can take its next step outside: never when it is dead.
    pub(super) async fn step(&self) {
        loop {
            let state = *self.state();
            match state {
                State::Runs => return,
                State::Dead => std::future::pending().await,
                State::StandsStill { until } => {
                    tokio::time::sleep_until(until).await;
                    let mut state = self.state();
                    if *state == (State::StandsStill { until }) {
                        *state = State::Runs;
                    }
                }
            }
        }
    }

    pub(super) fn claims(&self) -> u64 {
        self.claims.load(Ordering::Relaxed)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Display for Life {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.name)
    }
}

/// Which file a process is at.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum File {
    Jobs,
    Projection,
}

/// One process at the edges of its transactions on one file.
pub(super) struct Edge {
    pub(super) world: Arc<World>,
    pub(super) life: Arc<Life>,
    pub(super) file: File,
}

impl Edge {
    /// A step at which the process may die, stand still, or be slow.
    async fn risk(&self, operation: &'static str) {
        let World { dice, faults, .. } = &*self.world;
        let temper = faults.temper();
        self.life.step().await;
        if faults.strike(dice, temper.crash) {
            self.world.note(&self.life, || format!("dies at {operation}"));
            self.world.end(&self.life);
        } else if faults.strike(dice, temper.pause) {
            let time = dice.millis(500..=12_000);
            self.world
                .note(&self.life, || format!("stands still at {operation} for {time:?}"));
            self.life.stand_still(time);
        }
        if dice.one_in(4) {
            tokio::time::sleep(dice.millis(0..=temper.latency_ms)).await;
        } else {
            tokio::task::yield_now().await;
        }
        self.life.step().await;
    }
}

#[async_trait]
impl Seam for Edge {
    async fn enter(&self, operation: &'static str) -> Result<(), WriteError> {
        self.risk(operation).await;
        let World { dice, faults, .. } = &*self.world;
        if faults.strike(dice, faults.temper().refuse) {
            self.world
                .note(&self.life, || format!("is refused at {operation}"));
            let reason = "the adversary".to_owned();
            return Err(WriteError::Busy { reason });
        }
        Ok(())
    }

    fn fate(&self, operation: &'static str) -> Fate {
        let World { dice, faults, .. } = &*self.world;
        if !faults.strike(dice, faults.temper().commit) {
            return Fate::Commit;
        }
        let fate = *dice.pick(&[Fate::Fail, Fate::FailAfterEffect]);
        self.world
            .note(&self.life, || format!("{fate:?} of the commit of {operation}"));
        fate
    }

    fn committed(&self, operation: &'static str, connection: &Connection) {
        match self.file {
            File::Jobs => {
                if operation == "claim" {
                    self.life.claims.fetch_add(1, Ordering::Relaxed);
                }
                self.world.states.see(operation, &self.life, connection);
            }
            File::Projection => self.world.positions.see(connection),
        }
    }

    async fn leave(&self, operation: &'static str) {
        if self.world.dice.one_in(8) {
            self.world.write_back(self.file);
        }
        self.risk(operation).await;
    }
}
