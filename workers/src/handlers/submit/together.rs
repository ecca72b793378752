//! Small tasks that work together are published with one call.

use shared::event::EventId;
use shared::ports::{Claimed, LogRecord, Outcome};

use super::tally::Tally;
use super::{SubmitHandler, outcome, push_records, settle};
use crate::attempt::Attempt;
use crate::handlers::fault::HandlerFault;
use crate::heart::Signal;

impl SubmitHandler {
    /// Publishes tasks whose whole input came with their claims; `None` while the log's gate is closed. Nothing is
    /// waited for before, so no signal to stop can have come.
    pub(in crate::handlers) async fn handle_together(
        &self,
        attempts: &[Attempt],
    ) -> Option<Vec<Option<Outcome>>> {
        if !self.gate.is_open() {
            return None;
        }
        let mut records = Vec::with_capacity(attempts.len());
        let mut ids = Vec::with_capacity(attempts.len());
        let parts: Vec<_> = attempts
            .iter()
            .map(|attempt| Part::of(&attempt.claimed, &mut records, &mut ids))
            .collect();
        let deliveries = self.deliver(records).await;
        let mut deliveries = deliveries.into_iter().zip(&ids);
        let mut outcomes = Vec::with_capacity(attempts.len());
        let mut events = 0;
        for (part, attempt) in parts.into_iter().zip(attempts) {
            let mut tally = Tally::new(self.log.topic());
            let settled = settle(deliveries.by_ref().take(part.records), &mut tally);
            events += tally.events;
            attempt.pulse.show_published(tally.events);
            let published = tally.into_published();
            outcomes.push(match part.whole.and(settled) {
                Ok(()) => Some(Outcome::Published(published)),
                fault => {
                    let logged = attempt.span();
                    logged.in_scope(|| outcome(fault.map(|()| Signal::Go), published))
                }
            });
        }
        metrics::counter!("census_events_published_total").increment(events);
        Some(outcomes)
    }
}

/// What one task has among the records of all.
struct Part {
    /// All of its events, or none.
    records: usize,
    whole: Result<(), HandlerFault>,
}

impl Part {
    fn of(claimed: &Claimed, records: &mut Vec<LogRecord>, ids: &mut Vec<EventId>) -> Self {
        let before = records.len();
        let whole = push_all(claimed, records, ids);
        if whole.is_err() {
            records.truncate(before);
            ids.truncate(before);
        }
        Self {
            records: records.len() - before,
            whole,
        }
    }
}

fn push_all(
    claimed: &Claimed,
    records: &mut Vec<LogRecord>,
    ids: &mut Vec<EventId>,
) -> Result<(), HandlerFault> {
    let before = records.len();
    if let Some(chunk) = &claimed.first_chunk {
        push_records(claimed, chunk, records, ids)?;
    }
    let found = (records.len() - before) as u64;
    if found == claimed.events {
        return Ok(());
    }
    Err(HandlerFault::InputIncomplete {
        found,
        promised: claimed.events,
    })
}
