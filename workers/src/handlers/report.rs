//! Counts by place, once everything is folded that the report has to include.

use std::sync::Arc;

use shared::job::{JobError, JobId, Report, ReportRequest};
use shared::mutant::{self, Mutant};
use shared::ports::{
    Clock, EventLog, JobLookup, JobReader, LogStanding, Outcome, ParkCondition, Parked, PartitionEnd,
    Projection, Published, ReportQuery,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::fault::HandlerFault;
use super::log_ends::LogEnds;
use crate::attempt::Attempt;
use crate::heart::Signal;
use crate::ports::CrewPorts;
use crate::wake::{reached, waits_in_vain};

/// Reports that are made and not yet written: each may hold ten thousand rows.
const AT_A_TIME: usize = 32;
/// Places that the log names.
const PLACES_LOGGED: usize = 20;

/// Handles jobs of the kind `report`.
pub(super) struct ReportHandler {
    reader: Arc<dyn JobReader>,
    projection: Arc<dyn Projection>,
    clock: Arc<dyn Clock>,
    ends: LogEnds,
    standing: Arc<dyn LogStanding>,
    topic: String,
    plain: Arc<Semaphore>,
    /// Apart, since what they count takes long: cheap reports do not wait behind them.
    of_spans: Arc<Semaphore>,
}

impl ReportHandler {
    pub(super) fn new(ports: &CrewPorts) -> Self {
        let log: Arc<dyn EventLog> = Arc::clone(&ports.log);
        Self {
            reader: Arc::clone(&ports.reader),
            projection: Arc::clone(&ports.projection),
            clock: Arc::clone(&ports.clock),
            topic: log.topic().to_owned(),
            ends: LogEnds::new(log),
            standing: Arc::clone(&ports.standing),
            plain: Arc::new(Semaphore::new(AT_A_TIME)),
            of_spans: Arc::new(Semaphore::new(AT_A_TIME)),
        }
    }

    /// Makes the report, or parks it until what it waits for has come true; `None` when the lease was lost.
    pub(super) async fn handle(&self, attempt: &Attempt, request: &ReportRequest) -> Option<Outcome> {
        let made = tokio::select! {
            biased;
            made = self.try_report(attempt, request) => made,
            signal = attempt.pulse.stopped() => return match signal {
                Signal::Lost => None,
                Signal::Stop | Signal::Go => Some(Outcome::HandBack(Published::default())),
            },
        };
        Some(made.unwrap_or_else(|fault| Outcome::Failed {
            failure: fault.into_failure(),
            published: Published::default(),
        }))
    }

    async fn try_report(&self, attempt: &Attempt, request: &ReportRequest) -> Result<Outcome, HandlerFault> {
        let parked = attempt.claimed.parked.clone().unwrap_or_default();
        if parked.bound.is_none() && self.awaits(&request.after).await? {
            let early = mutant::on(Mutant::BoundBeforeAfterEnded);
            return Ok(Outcome::Park(Parked {
                bound: if early {
                    Some(self.take_bound().await?)
                } else {
                    None
                },
                condition: ParkCondition::JobsEnded,
            }));
        }
        if request.needs_bound() {
            // P21: taken once, after the jobs have ended, and kept.
            let bound = match parked.bound {
                Some(bound) => bound,
                None => self.take_bound().await?,
            };
            if !self.has_reached(&bound).await? {
                return Ok(Outcome::Park(Parked {
                    bound: Some(bound),
                    condition: ParkCondition::BoundReached,
                }));
            }
        }
        let room = self.room_for(request).await;
        let report = self.projection.report(self.query(request)).await?;
        attempt.keep(room);
        announce(&report);
        Ok(Outcome::Reported(Box::new(report)))
    }

    /// The log's ends now. P17: the end of another log than the one that was read bounds nothing.
    async fn take_bound(&self) -> Result<Vec<PartitionEnd>, HandlerFault> {
        // Read before the ends: a log that only grows can never end below them.
        let positions = self.projection.positions().await?;
        let ends = self.ends.after_now().await?;
        let shrunk = positions.iter().any(|position| {
            let end = ends.iter().find(|end| end.partition == position.partition);
            end.map_or(0, |end| end.next_offset) < position.next_offset
        });
        let stop = self.standing.standing().await?.projector;
        if shrunk || stop.is_some_and(|stop| stop.code == JobError::LOG_DIVERGED) {
            return Err(HandlerFault::InVain(waits_in_vain(JobError::LOG_DIVERGED)));
        }
        Ok(ends)
    }

    /// Whether one of these jobs has not ended. One that is gone counts as ended.
    async fn awaits(&self, after: &[JobId]) -> Result<bool, HandlerFault> {
        for id in after {
            if let JobLookup::Found(job) = self.reader.job(*id, 0).await?
                && !job.state.is_terminal()
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn has_reached(&self, bound: &[PartitionEnd]) -> Result<bool, HandlerFault> {
        Ok(reached(bound, &self.projection.positions().await?))
    }

    async fn room_for(&self, request: &ReportRequest) -> OwnedSemaphorePermit {
        let room = if request.from.is_some() || request.to.is_some() {
            &self.of_spans
        } else {
            &self.plain
        };
        let permit = Arc::clone(room).acquire_owned().await;
        permit.expect("the semaphore is never closed")
    }

    fn query(&self, request: &ReportRequest) -> ReportQuery {
        ReportQuery {
            group_by: request.group_by,
            from: request.from,
            to: request.to,
            topic: self.topic.clone(),
            generated_at: self.clock.wall(),
        }
    }
}

/// The report in the log, as the first Census showed it.
fn announce(report: &Report) {
    tracing::info!(
        group_by = report.group_by.as_str(),
        users = report.users,
        events = report.events,
        rows = report.rows_total,
        stats = report.places_in_a_line(PLACES_LOGGED),
        "report generated"
    );
}
