//! Small tasks that work together are published with one call. All wait for the slowest of their records.

use shared::event::EventId;
use shared::ports::{Claimed, LogRecord, Outcome};

use super::tally::Tally;
use super::{SubmitHandler, outcome, push_records, settle, whole};
use crate::attempt::Attempt;
use crate::handlers::fault::HandlerFault;
use crate::heart::Signal;

impl SubmitHandler {
    /// Publishes tasks whose whole input came with their claims: their outcomes in order, none where the lease was
    /// lost. `None` while the log's gate is closed.
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
            .map(|attempt| Part::of(attempt, &mut records, &mut ids))
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
            let result = part.settled(settled, tally.events, &attempt.claimed);
            let published = tally.into_published();
            outcomes.push(match result {
                Ok(signal) => outcome(Ok(signal), published),
                fault => attempt.span().in_scope(|| outcome(fault, published)),
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
    /// Why there are none; `Go` where they are there.
    made: Result<Signal, HandlerFault>,
}

impl Part {
    fn of(attempt: &Attempt, records: &mut Vec<LogRecord>, ids: &mut Vec<EventId>) -> Self {
        let before = records.len();
        let made = match attempt.pulse.signal() {
            Signal::Go => push_all(&attempt.claimed, records, ids).map(|()| Signal::Go),
            signal => Ok(signal),
        };
        if made.is_err() {
            records.truncate(before);
            ids.truncate(before);
        }
        Self {
            records: records.len() - before,
            made,
        }
    }

    /// Which signal ended it: `Go` when everything is published.
    fn settled(
        self,
        settled: Result<(), HandlerFault>,
        published: u64,
        claimed: &Claimed,
    ) -> Result<Signal, HandlerFault> {
        match self.made? {
            Signal::Go => settled
                .and_then(|()| whole(published, claimed))
                .map(|()| Signal::Go),
            signal => Ok(signal),
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
    whole((records.len() - before) as u64, claimed)
}
