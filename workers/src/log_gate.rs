//! P17: before anything is published after a start, the log must reach every acknowledged offset and hold the
//! event that was acknowledged there.

use std::sync::Arc;

use shared::job::JobError;
use shared::ports::{AttemptStore, Clock, EventLog, LogError, StoreError};
use shared::wire::UserEventRecord;
use tokio::sync::Mutex;

use crate::log_state::LogState;
use crate::ports::CrewPorts;
use crate::wake::waits_in_vain;

/// Opens once, when the log was found to be the one that this store knows.
pub(crate) struct LogGate {
    log: Arc<dyn EventLog>,
    store: Arc<dyn AttemptStore>,
    log_state: LogState,
    clock: Arc<dyn Clock>,
    open: Mutex<bool>,
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
         acknowledged there; publish the kept submits again and rebuild the projection"
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
    pub(crate) fn new(ports: &CrewPorts, log_state: LogState) -> Self {
        Self {
            log: Arc::clone(&ports.log),
            store: Arc::clone(&ports.attempts),
            log_state,
            clock: Arc::clone(&ports.clock),
            open: Mutex::new(false),
        }
    }

    /// Passes when the log is the right one; asks until it was once.
    pub(crate) async fn pass(&self) -> Result<(), GateFault> {
        // Held over the check, so that a hundred attempts ask once.
        let mut open = self.open.lock().await;
        if !*open {
            if let Err(fault) = self.check().await {
                if matches!(fault, GateFault::Diverged { .. }) {
                    let error = waits_in_vain(JobError::LOG_DIVERGED);
                    self.log_state
                        .set_gate_closed(error, fault.to_string(), self.clock.wall());
                }
                return Err(fault);
            }
            self.log_state.set_gate_open();
            *open = true;
        }
        Ok(())
    }

    async fn check(&self) -> Result<(), GateFault> {
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
