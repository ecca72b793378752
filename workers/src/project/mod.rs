//! Step 6: the log is read, checked and folded into counts, by one process at a time.

mod check;
mod decode;
mod fold;
mod read_ahead;
mod rebuild;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use shared::job::{Backoff, JobError, WorkerId};
use shared::ports::{
    Clock, EventLog, LogError, LogStanding, LogStop, Projection, ProjectionError, ProjectorLease,
};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

pub(crate) use self::check::checked_positions;
pub use self::rebuild::{RebuildFault, Rebuilder, Rebuilt};
use crate::ports::{CrewPorts, CrewSettings};
use crate::wake::Waker;

/// How often who stands by contends for the lease (P16).
const CONTEND_EVERY: Duration = Duration::from_secs(1);
/// How often the lag is measured.
const LAG_EVERY: Duration = Duration::from_secs(5);
/// Seconds after which a stopped projector looks whether an operator has mended the log.
const LOOK_AGAIN_AFTER: u32 = 10;

/// Projects while it holds the projector's lease.
pub(crate) struct Projector {
    log: Arc<dyn EventLog>,
    projection: Arc<dyn Projection>,
    standing: Arc<dyn LogStanding>,
    waker: Waker,
    clock: Arc<dyn Clock>,
    worker: WorkerId,
    ttl: Duration,
    /// Failures in a row, none of which let a batch through.
    failures: AtomicU32,
}

/// Why projecting ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Stop {
    /// Another process projects now: stand by, and reload before folding again.
    #[error("another process projects now")]
    StandBy,
    /// Trying again may help.
    #[error("the event log cannot be read now")]
    Log(#[source] LogError),
    /// Trying again may help.
    #[error("the projection cannot be written now")]
    Projection(#[source] ProjectionError),
    /// P17: only an operator can mend this.
    #[error(
        "the event log has diverged from what was counted: {0}; restore the log, or run `workers repair-log`"
    )]
    Diverged(String),
    /// P19: a newer program has written to the log.
    #[error("the event log holds a record of type {0}, newer than this program: start the newer program")]
    Newer(String),
}

impl Stop {
    /// For reports that wait, where only an operator can help.
    const fn code(&self) -> Option<&'static str> {
        match self {
            Self::Diverged(_) => Some(JobError::LOG_DIVERGED),
            Self::Newer(_) => Some(JobError::QUARANTINED_NEWER),
            Self::StandBy | Self::Log(_) | Self::Projection(_) => None,
        }
    }
}

impl Projector {
    pub(crate) fn new(ports: &CrewPorts, settings: &CrewSettings) -> Self {
        Self {
            log: Arc::clone(&ports.log),
            projection: Arc::clone(&ports.projection),
            standing: Arc::clone(&ports.standing),
            waker: Waker::new(ports),
            clock: Arc::clone(&ports.clock),
            worker: settings.worker.clone(),
            ttl: settings.lease,
            failures: AtomicU32::new(0),
        }
    }

    /// Projects, or stands by, until `shutdown`.
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        while !shutdown.is_cancelled() {
            let held = self.projection.hold_projector(&self.worker, self.ttl).await;
            let stop = match held {
                Ok(Some(lease)) => self.hold(lease, &shutdown).await,
                Ok(None) => Some(Stop::StandBy),
                Err(fault) => Some(Stop::Projection(fault)),
            };
            let Some(stop) = stop else { return };
            self.pause(&stop, &shutdown).await;
        }
    }

    /// Projects under the lease while a keeper renews it; `None` at shutdown.
    async fn hold(&self, lease: ProjectorLease, shutdown: &CancellationToken) -> Option<Stop> {
        tracing::info!("this process projects now");
        let projecting = self.project(&lease);
        let stop = tokio::select! {
            biased;
            stop = projecting => Some(stop),
            () = self.keep_lease(&lease) => Some(Stop::StandBy),
            () = self.show_lag() => None,
            () = shutdown.cancelled() => None,
        };
        if let Some(stop) = &stop
            && let Some(code) = stop.code()
        {
            self.tell(&lease, code, stop).await;
        }
        if !matches!(stop, Some(Stop::StandBy))
            && let Err(error) = self.projection.release_projector(lease).await
        {
            tracing::debug!(
                error = &error as &dyn std::error::Error,
                "the projector's lease is left to lapse"
            );
        }
        stop
    }

    /// Returns when the lease was lost, or a rebuild has made the counts' next generation the present one (P20).
    async fn keep_lease(&self, lease: &ProjectorLease) {
        let mut ticks = tokio::time::interval(self.ttl / 3);
        loop {
            ticks.tick().await;
            match self.projection.hold_projector(&self.worker, self.ttl).await {
                Ok(Some(renewed)) if renewed == *lease => {}
                Ok(Some(_) | None) => return,
                Err(error) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "the lease could not be renewed"
                    );
                }
            }
        }
    }

    /// Never returns. Beside the keeper of the lease, which must not wait for the log.
    async fn show_lag(&self) {
        let mut ticks = tokio::time::interval(LAG_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let (Ok(ends), Ok(positions)) = (self.log.ends().await, self.projection.positions().await) else {
                continue;
            };
            for end in ends {
                let folded = positions
                    .iter()
                    .find(|position| position.partition == end.partition);
                let lag = end.next_offset - folded.map_or(0, |position| position.next_offset);
                metrics::gauge!("census_projection_lag", "partition" => end.partition.to_string())
                    .set(lag.max(0) as f64);
            }
        }
    }

    /// Until the next try.
    async fn pause(&self, stop: &Stop, shutdown: &CancellationToken) {
        match stop {
            Stop::StandBy => {
                shutdown
                    .run_until_cancelled(tokio::time::sleep(CONTEND_EVERY))
                    .await;
            }
            Stop::Log(_) | Stop::Projection(_) => {
                let failures = self.failures.fetch_add(1, Ordering::Relaxed) + 1;
                if failures == 1 {
                    tracing::warn!(
                        error = stop as &dyn std::error::Error,
                        "projecting is held up and will be tried again"
                    );
                }
                let pause = tokio::time::sleep(Backoff::RECONNECT.draw(failures));
                shutdown.run_until_cancelled(pause).await;
            }
            Stop::Diverged(_) | Stop::Newer(_) => {
                tracing::error!(
                    error = stop as &dyn std::error::Error,
                    "the projector has stopped"
                );
                self.await_operator(shutdown).await;
            }
        }
    }

    /// Tells all processes, before another one may take the lease and find the log sound.
    async fn tell(&self, lease: &ProjectorLease, code: &'static str, stop: &Stop) {
        let told = LogStop {
            code,
            cause: stop.to_string(),
            since: self.clock.wall(),
        };
        if let Err(error @ ProjectionError::Failed { .. }) = self.standing.stop_projector(lease, told).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "other processes cannot be told that the projector has stopped"
            );
        }
    }

    /// Until the log is worth another look: a rebuild has ended the stop, or another process, perhaps a newer one,
    /// has taken the lease, or some time has passed.
    async fn await_operator(&self, shutdown: &CancellationToken) {
        for _ in 0..LOOK_AGAIN_AFTER {
            let pause = tokio::time::sleep(CONTEND_EVERY);
            if shutdown.run_until_cancelled(pause).await.is_none() || self.goes_on().await {
                return;
            }
        }
    }

    async fn goes_on(&self) -> bool {
        match (self.standing.standing().await, self.projection.projector().await) {
            (Ok(standing), Ok(holder)) => standing.projector.is_none() || holder.is_some(),
            (Err(_), _) | (_, Err(_)) => false,
        }
    }
}
