//! Parked reports whose bound the projection has reached are woken (P22).

use std::error::Error as StdError;
use std::sync::{Arc, Mutex, PoisonError};

use shared::dispatch::DispatchHandle;
use shared::job::{JobError, TaskRef};
use shared::ports::{
    FoldPosition, LogStanding, PartitionEnd, Projection, ProjectionError, RescueStore, Rescued,
};
use shared::time::Timestamp;
use tokio::time::Instant;

use crate::ports::CrewPorts;

/// A look after a fold is followed by this many times its own duration without one.
const LOOK_PAUSE: u32 = 9;
/// Looks in a row, a second apart, in which another process may take a stopped projector's lease over.
const LOOKS_FOR_OTHERS: u32 = 2;

/// Wakes parked reports. The projector does it after each commit, the completer after each park, and the rescuer
/// every second.
pub(crate) struct Waker {
    store: Arc<dyn RescueStore>,
    projection: Arc<dyn Projection>,
    standing: Arc<dyn LogStanding>,
    /// Since when the projector has stood still, and how many looks have found it so.
    stopped: Mutex<Option<(Timestamp, u32)>>,
    /// When the next look after a fold is due.
    look_from: Mutex<Instant>,
    dispatch: DispatchHandle,
}

/// Whether every partition is folded up to the bound.
pub(crate) fn reached(bound: &[PartitionEnd], positions: &[FoldPosition]) -> bool {
    bound.iter().all(|end| {
        let folded = positions
            .iter()
            .find(|position| position.partition == end.partition);
        folded.map_or(0, |position| position.next_offset) >= end.next_offset
    })
}

/// What a report's caller reads when only an operator can bring the counts up to date.
pub(crate) fn waits_in_vain(code: &'static str) -> JobError {
    let detail = "The counts cannot be brought up to date until an operator has mended the event log. Ask with \
                  `fresh` false for what had been counted before.";
    JobError {
        code,
        detail: detail.to_owned(),
    }
}

impl Waker {
    pub(crate) fn new(ports: &CrewPorts) -> Self {
        Self {
            store: Arc::clone(&ports.rescue),
            projection: Arc::clone(&ports.projection),
            standing: Arc::clone(&ports.standing),
            stopped: Mutex::new(None),
            look_from: Mutex::new(Instant::now()),
            dispatch: ports.dispatch.clone(),
        }
    }

    /// Wakes what can go on now, and fails what waits in vain; returns how many were woken. A fault is logged: the
    /// next look is a second away.
    pub(crate) async fn wake_reached(&self) -> u64 {
        match self.look().await {
            Ok(rescued) => {
                let woken = rescued.tasks;
                self.nudge(rescued);
                woken
            }
            Err(error) => {
                tracing::warn!(error = &*error, "parked reports could not be looked after");
                0
            }
        }
    }

    /// As [`Self::wake_reached`], after a fold. With many parked reports a look at all of them would cost more than
    /// the fold: it takes at most a tenth of the time, and the rescuer sees to what it has left out.
    pub(crate) async fn wake_after_fold(&self) {
        let started = Instant::now();
        if started < *self.look_from.lock().unwrap_or_else(PoisonError::into_inner) {
            return;
        }
        self.wake_reached().await;
        let pause = started.elapsed() * LOOK_PAUSE;
        *self.look_from.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now() + pause;
    }

    async fn look(&self) -> Result<Rescued, Box<dyn StdError + Send + Sync>> {
        let parked = self.store.parked().await?;
        if parked.is_empty() {
            return Ok(Rescued::default());
        }
        let positions = self.projection.positions().await?;
        let (due, waiting): (Vec<_>, Vec<_>) = parked
            .into_iter()
            // P21: a missing bound is taken anew, never read as "no bound".
            .partition(|(_, bound)| bound.is_empty() || reached(bound, &positions));
        if !waiting.is_empty()
            && let Some(error) = self.in_vain().await?
        {
            let failed = self.store.fail_parked(tasks(waiting), error).await?;
            self.nudge(failed);
        }
        if due.is_empty() {
            return Ok(Rescued::default());
        }
        Ok(self.store.wake(tasks(due)).await?)
    }

    /// P17: what reports fail with, once the projector has stopped and no other has gone on for some looks.
    async fn in_vain(&self) -> Result<Option<JobError>, ProjectionError> {
        let stop = self.standing.standing().await?.projector;
        let projecting = self.projection.projector().await?.is_some();
        let mut stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(stop) = stop.filter(|_| !projecting) else {
            *stopped = None;
            return Ok(None);
        };
        let looks = match *stopped {
            Some((since, looks)) if since == stop.since => looks + 1,
            Some(_) | None => 1,
        };
        *stopped = Some((stop.since, looks));
        Ok((looks > LOOKS_FOR_OTHERS).then(|| waits_in_vain(stop.code)))
    }

    /// Wakes one report if it can go on now; the looks at all of them are not for each park.
    pub(crate) async fn wake_if_reached(&self, task: TaskRef, bound: &[PartitionEnd]) {
        let woken = async {
            if reached(bound, &self.projection.positions().await?) {
                self.nudge(self.store.wake(vec![task]).await?);
            }
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
        };
        if let Err(error) = woken.await {
            tracing::warn!(error = &*error, "a parked report could not be looked after");
        }
    }

    fn nudge(&self, rescued: Rescued) {
        for queue in rescued.woke {
            self.dispatch.nudge(queue);
        }
    }
}

fn tasks(parked: Vec<(TaskRef, Vec<PartitionEnd>)>) -> Vec<TaskRef> {
    parked.into_iter().map(|(task, _)| task).collect()
}
