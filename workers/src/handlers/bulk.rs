//! Cancels or retries all jobs that match a filter: a page at a time, newest first, repeatable at any point.

use std::sync::Arc;

use shared::dispatch::DispatchHandle;
use shared::job::{BulkRequest, JobFilter, JobId, JobKind, JobState, JobView};
use shared::ports::{
    CancelOutcome, Clock, JobControl, JobLookup, JobReader, NewRetry, Outcome, Published, RetryOutcome,
    StoreError,
};

use super::fault::HandlerFault;
use crate::attempt::Attempt;
use crate::heart::Signal;
use crate::ports::CrewPorts;

/// Jobs that are read at a time.
const PAGE: usize = 200;

/// Handles jobs of the kinds `cancel` and `retry`.
pub(super) struct BulkHandler {
    reader: Arc<dyn JobReader>,
    control: Arc<dyn JobControl>,
    clock: Arc<dyn Clock>,
    dispatch: DispatchHandle,
}

/// What is done to each job that matches.
#[derive(Clone, Copy, Debug)]
pub(super) enum Action {
    Cancel,
    Retry,
}

#[derive(Debug, Default)]
struct Tally {
    matched: u64,
    changed: u64,
}

impl BulkHandler {
    pub(super) fn new(ports: &CrewPorts) -> Self {
        Self {
            reader: Arc::clone(&ports.reader),
            control: Arc::clone(&ports.control),
            clock: Arc::clone(&ports.clock),
            dispatch: ports.dispatch.clone(),
        }
    }

    /// Acts on all that match; `None` when the lease was lost.
    pub(super) async fn handle(
        &self,
        attempt: &Attempt,
        action: Action,
        request: &BulkRequest,
    ) -> Option<Outcome> {
        let mut tally = action.tally_so_far(attempt);
        let acted = self.act_on_all(attempt, action, request, &mut tally).await;
        for kind in JobKind::ALL {
            self.dispatch.nudge(kind.queue());
        }
        let so_far = Published {
            events: tally.changed,
            ..Published::default()
        };
        match acted {
            Ok(Signal::Go) => Some(Outcome::Changed {
                matched: tally.matched,
                changed: tally.changed,
            }),
            Ok(Signal::Stop) => Some(Outcome::HandBack(so_far)),
            Ok(Signal::Lost) => None,
            Err(fault) => Some(Outcome::Failed {
                failure: HandlerFault::from(fault).into_failure(),
                published: so_far,
            }),
        }
    }

    /// Returns the signal that ended it: `Go` when all have been acted on.
    async fn act_on_all(
        &self,
        attempt: &Attempt,
        action: Action,
        request: &BulkRequest,
        tally: &mut Tally,
    ) -> Result<Signal, StoreError> {
        let own = attempt.claimed.lease.task.job;
        let JobLookup::Found(job) = self.reader.job(own, 0).await? else {
            return Ok(Signal::Lost);
        };
        let Some(filter) = action.narrow(&request.filter) else {
            return Ok(Signal::Go);
        };
        let mut before = job.seq;
        loop {
            let page = self.reader.list(&filter, Some(before), PAGE).await?;
            for target in &page.jobs {
                before = target.seq;
                if !target.request.kind().is_bulk() {
                    self.act_on(own, action, target, attempt, tally).await?;
                }
            }
            attempt.pulse.show_published(tally.changed);
            let signal = attempt.pulse.signal();
            if signal != Signal::Go || !page.more {
                return Ok(signal);
            }
        }
    }

    async fn act_on(
        &self,
        own: JobId,
        action: Action,
        target: &JobView,
        attempt: &Attempt,
        tally: &mut Tally,
    ) -> Result<(), StoreError> {
        tally.matched += 1;
        let changed = match action {
            Action::Cancel => matches!(
                self.control.cancel(target.id).await?,
                CancelOutcome::Cancelled(_) | CancelOutcome::Cancelling(_)
            ),
            Action::Retry => {
                let retry = NewRetry {
                    of: target.id,
                    // Made again by a later attempt, it is the same job.
                    id: own.derived(target.id),
                    created_at: self.clock.wall(),
                    key: None,
                    trace: attempt.claimed.trace.child(),
                };
                matches!(self.control.retry(retry).await?, RetryOutcome::Made(_))
            }
        };
        tally.changed += u64::from(changed);
        Ok(())
    }
}

impl Action {
    /// What it can act on among what the caller wants; `None` for nothing at all.
    fn narrow(self, wanted: &JobFilter) -> Option<JobFilter> {
        let possible: &[JobState] = match self {
            Self::Cancel => &[JobState::Queued, JobState::Running],
            // What succeeded is done again only for who says so.
            Self::Retry if wanted.states.is_empty() => &[
                JobState::PartiallySucceeded,
                JobState::Failed,
                JobState::Cancelled,
            ],
            Self::Retry => &[
                JobState::Succeeded,
                JobState::PartiallySucceeded,
                JobState::Failed,
                JobState::Cancelled,
            ],
        };
        let states: Vec<_> = possible
            .iter()
            .copied()
            .filter(|state| wanted.states.is_empty() || wanted.states.contains(state))
            .collect();
        (!states.is_empty()).then(|| JobFilter {
            states,
            ..wanted.clone()
        })
    }

    /// What a cancel has ended no longer matches; what a retry has made is made again, and counted again.
    fn tally_so_far(self, attempt: &Attempt) -> Tally {
        match self {
            Self::Cancel => Tally {
                matched: attempt.claimed.published,
                changed: attempt.claimed.published,
            },
            Self::Retry => Tally::default(),
        }
    }
}
