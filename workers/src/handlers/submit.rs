//! Publishes the events of one task, chunk by chunk; it has succeeded when the log has acknowledged all of them.

mod tally;
mod together;

use std::sync::Arc;
use std::time::Instant;

use shared::event::EventId;
use shared::faults::{self, Step};
use shared::mutant::{self, Mutant};
use shared::ports::{
    AttemptStore, Claimed, EventLog, InputChunk, LogDelivery, LogError, LogRecord, Outcome, Published,
};
use shared::wire::{StoredEvent, UserEventRecord};
use tokio::sync::{Semaphore, SemaphorePermit};

use self::tally::Tally;
use super::fault::HandlerFault;
use crate::attempt::Attempt;
use crate::heart::Signal;
use crate::log_gate::LogGate;
use crate::ports::CrewPorts;

/// Tasks of more than one small chunk that are published at a time: each holds up to a MiB, and its records.
const LARGE_AT_A_TIME: usize = 16;

/// Handles jobs of the kind `submit`.
pub(super) struct SubmitHandler {
    store: Arc<dyn AttemptStore>,
    log: Arc<dyn EventLog>,
    gate: Arc<LogGate>,
    large: Semaphore,
}

impl SubmitHandler {
    pub(super) fn new(ports: &CrewPorts, gate: Arc<LogGate>) -> Self {
        Self {
            store: Arc::clone(&ports.attempts),
            log: Arc::clone(&ports.log),
            gate,
            large: Semaphore::new(LARGE_AT_A_TIME),
        }
    }

    /// Publishes the task's events; `None` when the lease was lost.
    pub(super) async fn handle(&self, attempt: &Attempt) -> Option<Outcome> {
        let started = Instant::now();
        let mut tally = Tally::new(self.log.topic());
        let result = self.publish_all(attempt, &mut tally).await;
        let published = tally.into_published();
        metrics::counter!("census_events_published_total").increment(published.events);
        if let Ok(Signal::Go) = result {
            tracing::debug!(
                events = published.events,
                duration_ms = started.elapsed().as_millis(),
                "events published"
            );
        }
        outcome(result, published)
    }

    /// Returns the signal that ended it: `Go` when everything is published.
    async fn publish_all(&self, attempt: &Attempt, tally: &mut Tally) -> Result<Signal, HandlerFault> {
        // A log that is away can hold the gate for long; a cancel or a stop of the process cannot wait for it.
        tokio::select! {
            biased;
            passed = self.gate.pass() => passed?,
            signal = attempt.pulse.stopped() => return Ok(signal),
        }
        let claimed = &attempt.claimed;
        let _room = tokio::select! {
            biased;
            room = self.room_for(claimed) => room,
            signal = attempt.pulse.stopped() => return Ok(signal),
        };
        let mut first = claimed.first_chunk.clone();
        for index in 0.. {
            // The usual job is one chunk that came with the claim: nobody is asked whether there is another.
            if tally.events >= claimed.events {
                break;
            }
            let chunk = match first.take() {
                Some(chunk) => Some(chunk),
                None => self.store.input(claimed.lease.task, index).await?,
            };
            let Some(chunk) = chunk else { break };
            let signal = attempt.pulse.signal();
            if signal != Signal::Go {
                return Ok(signal);
            }
            self.publish(claimed, &chunk, tally).await?;
            attempt.pulse.show_published(tally.events);
        }
        whole(tally.events, claimed).map(|()| Signal::Go)
    }

    /// Chunks that did not come with their claim are large: only a few are held at a time.
    async fn room_for(&self, claimed: &Claimed) -> Option<SemaphorePermit<'_>> {
        let at_hand = claimed.first_chunk.as_ref();
        if at_hand.is_some_and(|chunk| u64::from(chunk.events) == claimed.events) {
            return None;
        }
        let permit = self.large.acquire().await;
        Some(permit.expect("the semaphore is never closed"))
    }

    /// Publishes one chunk and waits for all its deliveries, so that a stop leaves nothing under way.
    async fn publish(
        &self,
        claimed: &Claimed,
        chunk: &InputChunk,
        tally: &mut Tally,
    ) -> Result<(), HandlerFault> {
        let mut records = Vec::with_capacity(chunk.events as usize);
        let mut ids = Vec::with_capacity(chunk.events as usize);
        push_records(claimed, chunk, &mut records, &mut ids)?;
        let deliveries = self.deliver(records).await;
        settle(deliveries.into_iter().zip(&ids), tally)
    }

    async fn deliver(&self, records: Vec<LogRecord>) -> Vec<Result<LogDelivery, LogError>> {
        let started = Instant::now();
        let deliveries = self.log.publish(records).await;
        faults::reach(Step::PublishAfterAppend);
        metrics::histogram!("census_publish_seconds").record(started.elapsed());
        deliveries
    }
}

/// `None` when the lease was lost.
fn outcome(result: Result<Signal, HandlerFault>, published: Published) -> Option<Outcome> {
    match result {
        Ok(Signal::Go) => Some(Outcome::Published(published)),
        Ok(Signal::Stop) => Some(Outcome::HandBack(published)),
        Ok(Signal::Lost) => None,
        Err(fault) => Some(Outcome::Failed {
            failure: fault.into_failure(),
            published,
        }),
    }
}

/// Whether these are all the events that the task promises.
const fn whole(found: u64, claimed: &Claimed) -> Result<(), HandlerFault> {
    if found == claimed.events {
        return Ok(());
    }
    Err(HandlerFault::InputIncomplete {
        found,
        promised: claimed.events,
    })
}

/// Adds the records of a chunk, and their ids.
fn push_records(
    claimed: &Claimed,
    chunk: &InputChunk,
    records: &mut Vec<LogRecord>,
    ids: &mut Vec<EventId>,
) -> Result<(), HandlerFault> {
    let trace = claimed.trace.to_string();
    for stored in StoredEvent::lines(&chunk.body) {
        let stored = stored?;
        let (id, record) = UserEventRecord::to_record(&stored, &chunk.body, claimed.root, &trace)?;
        ids.push(id);
        records.push(record);
    }
    Ok(())
}

/// Counts the acknowledged deliveries.
fn settle<'a>(
    deliveries: impl Iterator<Item = (Result<LogDelivery, LogError>, &'a EventId)>,
    tally: &mut Tally,
) -> Result<(), HandlerFault> {
    let mut fault = None;
    for (delivery, id) in deliveries {
        match delivery {
            Ok(delivery) => tally.add(delivery, id),
            Err(_) if mutant::on(Mutant::CompletionBeforeAcknowledgements) => tally.events += 1,
            Err(refused) => worst(&mut fault, refused),
        }
    }
    fault.map_or(Ok(()), |fault| Err(fault.into()))
}

/// Of several faults the one that can help to try again decides: the log may refuse what came after an outage.
fn worst(known: &mut Option<LogError>, fault: LogError) {
    let keep = matches!(known, Some(LogError::Away { .. }));
    if !keep {
        *known = Some(fault);
    }
}
