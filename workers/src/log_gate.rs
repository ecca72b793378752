//! P17: before anything is published after a start, the log must reach every acknowledged offset and hold the
//! event that was acknowledged there.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use shared::job::JobError;
use shared::ports::{AttemptStore, Clock, EventLog, LogError, LogStanding, LogStop, StoreError};
use shared::wire::UserEventRecord;
use tokio::sync::Mutex;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::ports::CrewPorts;

/// How often a closed gate is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Open once the log was found to be the one that this store knows, until a process finds another one.
pub(crate) struct LogGate {
    log: Arc<dyn EventLog>,
    store: Arc<dyn AttemptStore>,
    standing: Arc<dyn LogStanding>,
    clock: Arc<dyn Clock>,
    open: AtomicBool,
    /// Held over a check, so that a hundred attempts ask once.
    checking: Mutex<()>,
}

/// A log that must not be written to yet.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GateFault {
    /// The log could not be asked.
    #[error("the event log could not be checked")]
    Log(#[from] LogError),
    /// The store could not be asked.
    #[error("the store did not say what the log has to hold")]
    Store(#[from] StoreError),
    /// It is not the log that this store knows.
    #[error(
        "the event log has diverged: partition {partition} does not hold at offset {offset} the event that it had \
         acknowledged there; restore the log, or run `workers repair-log`"
    )]
    Diverged {
        /// The partition.
        partition: i32,
        /// The offset.
        // Which event is not said: a client's id holds the user's.
        offset: i64,
    },
}

impl LogGate {
    pub(crate) fn new(ports: &CrewPorts) -> Self {
        Self {
            log: Arc::clone(&ports.log),
            store: Arc::clone(&ports.attempts),
            standing: Arc::clone(&ports.standing),
            clock: Arc::clone(&ports.clock),
            open: AtomicBool::new(false),
            checking: Mutex::new(()),
        }
    }

    /// Whether one passes without waiting.
    pub(crate) fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire)
    }

    /// Passes when the log is the right one; asks until it was once.
    pub(crate) async fn pass(&self) -> Result<(), GateFault> {
        if self.is_open() {
            return Ok(());
        }
        let _checking = self.checking.lock().await;
        if !self.is_open() {
            self.check_and_tell().await?;
            self.open.store(true, Ordering::Release);
        }
        Ok(())
    }

    /// Looks again at a gate that any process has closed, until `shutdown`: one that had passed must not go on, and
    /// when an operator has mended the log nobody has to be told or started again.
    pub(crate) async fn watch(self: Arc<Self>, shutdown: CancellationToken) {
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while shutdown.run_until_cancelled(ticks.tick()).await.is_some() {
            let closed = self
                .standing
                .standing()
                .await
                .is_ok_and(|standing| standing.gate.is_some());
            if closed {
                let _checking = self.checking.lock().await;
                self.open.store(false, Ordering::Release);
                match shutdown.run_until_cancelled(self.check_and_tell()).await {
                    Some(Ok(())) => self.open.store(true, Ordering::Release),
                    Some(Err(error)) => {
                        tracing::debug!(
                            error = &error as &dyn std::error::Error,
                            "nothing is published yet"
                        );
                    }
                    None => {}
                }
            }
        }
    }

    async fn check_and_tell(&self) -> Result<(), GateFault> {
        let checked = self.check().await;
        let told = match &checked {
            Ok(()) => self.standing.open_gate().await,
            Err(fault @ GateFault::Diverged { .. }) => {
                let stop = LogStop {
                    code: JobError::LOG_DIVERGED,
                    cause: fault.to_string(),
                    since: self.clock.wall(),
                };
                self.standing.close_gate(stop).await
            }
            Err(GateFault::Log(_) | GateFault::Store(_)) => Ok(()),
        };
        if let Err(error) = told {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "other processes cannot be told whether the log may be written to"
            );
        }
        checked
    }

    /// Compares once, and tells nobody.
    pub(crate) async fn check(&self) -> Result<(), GateFault> {
        self.log.prepare().await?;
        for mark in self.store.log_marks().await? {
            let entry = self.log.record_at(mark.partition, mark.offset).await?;
            if entry.as_ref().map(UserEventRecord::id_of) != Some(mark.event_id.as_str()) {
                return Err(GateFault::Diverged {
                    partition: mark.partition,
                    offset: mark.offset,
                });
            }
        }
        Ok(())
    }
}
