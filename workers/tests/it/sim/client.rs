//! Clients: they ask, ask again where nobody answered, look, and cancel. What they are told is compared with what
//! they were told before.

use std::sync::Arc;
use std::time::Duration;

use shared::event::{Address, CleanEvent, CleanUser};
use shared::job::{
    GroupBy, JobId, JobKind, JobRequest, JobView, Labels, ReportRequest, RequestDigest, SubmitOrigin,
    SubmitRequest,
};
use shared::ports::{
    AcceptStore, Accepted, CancelOutcome, Clock, InputChunk, JobControl, JobLookup, JobReader, KeyUse,
    NewJob, NewRetry, NewTask, RetryOutcome,
};
use shared::time::Timestamp;
use shared::wire::{StoredEvent, TraceContext};
use uuid::Uuid;

use super::fold::as_of;
use super::ledger::Asked;
use super::process::Process;
use super::world::World;

/// How long a client waits for an answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// One spelling to a place: the checker's count need not know how spellings are chosen.
const PLACES: [(&str, Option<&str>, &str); 4] = [
    ("Cologne", None, "DE"),
    ("Springfield", Some("IL"), "US"),
    ("Springfield", Some("MA"), "US"),
    ("Zell", None, "DE"),
];
/// 2019-05-07T00:00:00Z; the events of a run happen within a few hours of it.
const DAY_MS: i64 = 1_557_187_200_000;
const HOUR_MS: i64 = 3_600_000;

/// A job to be submitted, with its number as its id.
pub(super) fn new_submit(world: &World, number: u128) -> NewJob {
    let dice = &world.dice;
    let id = JobId(Uuid::from_u128(number));
    let mut chunks = Vec::new();
    let mut tasks = Vec::new();
    let mut event_ids = Vec::new();
    let queue = JobKind::Submit.queue();
    for task in 0..dice.within(1..=2) as u32 {
        let mut events = 0;
        for _ in 0..dice.within(1..=2) {
            let chunk = new_chunk(world, id, task, &mut event_ids);
            events += u64::from(chunk.events);
            chunks.push(chunk);
        }
        tasks.push(NewTask { queue, events });
    }
    let origin = SubmitOrigin::Events;
    let received = event_ids.len() as u64;
    let asked = Asked::Submit { event_ids };
    world.ledger.ask(id, id, key_of(number), asked);
    NewJob {
        chunks,
        received,
        tasks,
        ..new_job(world, number, JobRequest::Submit(SubmitRequest { origin }))
    }
}

/// A report to be asked for, perhaps after jobs that were asked for before.
pub(super) fn new_report(world: &World, number: u128, request: ReportRequest) -> NewJob {
    let id = JobId(Uuid::from_u128(number));
    let asked = Asked::Report {
        request: request.clone(),
        ends: world.log.ends(),
    };
    world.ledger.ask(id, id, key_of(number), asked);
    let queue = JobKind::Report.queue();
    NewJob {
        tasks: vec![NewTask { queue, events: 0 }],
        ..new_job(world, number, JobRequest::Report(request))
    }
}

/// Any report that a client may ask for.
pub(super) fn any_report(world: &World) -> ReportRequest {
    let dice = &world.dice;
    let known = world.ledger.accepted();
    let after = if known.is_empty() || dice.one_in(2) {
        Vec::new()
    } else {
        vec![*dice.pick(&known)]
    };
    let hour = |hour: u64| Timestamp::from_millis(DAY_MS + hour as i64 * HOUR_MS);
    ReportRequest {
        group_by: *dice.pick(&[GroupBy::City, GroupBy::State, GroupBy::Country]),
        from: dice.one_in(4).then(|| hour(dice.within(0..=3))),
        to: dice.one_in(4).then(|| hour(dice.within(4..=6))),
        after,
        fresh: !dice.one_in(3),
        deadline_s: ReportRequest::DEFAULT_DEADLINE_S,
    }
}

/// The same request again. What is asked again is another job, unless the first one was accepted unnoticed.
pub(super) fn again(world: &World, job: &NewJob, number: u128) -> NewJob {
    let id = JobId(Uuid::from_u128(number));
    let first = world
        .ledger
        .get(job.id)
        .expect("what is asked again was asked before");
    let asked = match first.asked {
        Asked::Submit { event_ids } => {
            let (old, new) = (format!("j:{}/", job.id), format!("j:{id}/"));
            let event_ids = event_ids.iter().map(|event| event.replace(&old, &new));
            Asked::Submit {
                event_ids: event_ids.collect(),
            }
        }
        report @ Asked::Report { .. } => report,
    };
    world.ledger.ask(id, id, first.key, asked);
    NewJob { id, ..job.clone() }
}

/// Half of the clients send a key.
fn key_of(number: u128) -> Option<String> {
    number.is_multiple_of(2).then(|| format!("key-{number}"))
}

fn new_job(world: &World, number: u128, request: JobRequest) -> NewJob {
    let key = key_of(number).map(|key| KeyUse {
        key: key.parse().expect("a key of visible characters"),
        request: RequestDigest([7; 32]),
    });
    NewJob {
        id: JobId(Uuid::from_u128(number)),
        labels: Labels::default(),
        key,
        request,
        created_at: world.clock.wall(),
        received: 0,
        rejected: 0,
        tasks: Vec::new(),
        chunks: Vec::new(),
        rejects: Vec::new(),
        upload: None,
        trace: TraceContext::generate(),
    }
}

fn new_chunk(world: &World, id: JobId, task: u32, event_ids: &mut Vec<String>) -> InputChunk {
    let dice = &world.dice;
    let first_ordinal = event_ids.len() as u64;
    let events = dice.within(1..=3) as u32;
    let mut body = Vec::new();
    for ordinal in first_ordinal..first_ordinal + u64::from(events) {
        let event = new_event(world);
        event_ids.push(match &event.event_id {
            Some(own) => format!("c:{}/{own}", event.user.id),
            None => format!("j:{id}/{ordinal}"),
        });
        StoredEvent::write(ordinal, &event, &mut body);
    }
    InputChunk {
        task,
        first_ordinal,
        events,
        body: body.into(),
    }
}

fn new_event(world: &World) -> CleanEvent {
    let dice = &world.dice;
    let (city, state, country) = *dice.pick(&PLACES);
    CleanEvent {
        event_id: dice.one_in(4).then(|| format!("e{}", dice.below(3))),
        user: CleanUser {
            id: format!("u{}", dice.below(6)),
            address: Address {
                city: city.to_owned(),
                state: state.map(str::to_owned),
                country: country.to_owned(),
                post_code: None,
            },
            datetime: Timestamp::from_millis(DAY_MS + i64::from(dice.below(6)) * HOUR_MS),
        },
    }
}

/// Asks `api` to accept the job; true when a client was told so.
pub(super) async fn submit(world: &Arc<World>, api: &Process, job: NewJob) -> bool {
    let (id, queue) = (job.id, job.tasks[0].queue);
    let asked = tokio::time::timeout(PATIENCE, api.store.accept(job)).await;
    let id = match asked {
        Ok(Ok(Accepted::Made(job))) => job.id,
        Ok(Ok(Accepted::KeyKept(kept))) => kept.job,
        Ok(Err(_)) | Err(_) => {
            world.note(&"client", || {
                format!("does not know whether {id} was accepted: {asked:?}")
            });
            return false;
        }
    };
    api.dispatch.nudge(queue);
    world.note(&"client", || format!("is told that {id} was accepted"));
    world.ledger.accept(id);
    true
}

/// Cancels the job.
pub(super) async fn cancel(world: &Arc<World>, api: &Process, id: JobId) {
    let asked = tokio::time::timeout(PATIENCE, api.store.cancel(id)).await;
    world.note(&"client", || format!("cancels {id}: {asked:?}"));
    let Ok(Ok(outcome)) = asked else { return };
    match outcome {
        CancelOutcome::Cancelled(job) | CancelOutcome::AlreadyEnded(job) => saw(world, &job),
        CancelOutcome::Cancelling(_) | CancelOutcome::Unknown | CancelOutcome::Gone => {}
    }
}

/// Asks for the ended job again, as `number`.
pub(super) async fn retry(world: &Arc<World>, api: &Process, of: JobId, number: u128) {
    let Some(first) = world.ledger.get(of) else { return };
    let id = JobId(Uuid::from_u128(number));
    let (asked, kind) = match first.asked {
        submit @ Asked::Submit { .. } => (submit, JobKind::Submit),
        Asked::Report { request, .. } => {
            let ends = world.log.ends();
            (Asked::Report { request, ends }, JobKind::Report)
        }
    };
    world.ledger.ask(id, first.root, None, asked);
    let retry = NewRetry {
        of,
        id,
        created_at: world.clock.wall(),
        key: None,
        trace: TraceContext::generate(),
    };
    let answer = tokio::time::timeout(PATIENCE, api.store.retry(retry)).await;
    world.note(&"client", || format!("retries {of} as {id}: {answer:?}"));
    if let Ok(Ok(RetryOutcome::Made(_))) = answer {
        api.dispatch.nudge(kind.queue());
        world.ledger.accept(id);
    }
}

/// Removes the job, if it has ended.
pub(super) async fn delete(world: &Arc<World>, api: &Process, id: JobId) {
    world.ledger.ask_removal(id);
    let answer = tokio::time::timeout(PATIENCE, api.store.delete(id)).await;
    world.note(&"client", || format!("removes {id}: {answer:?}"));
}

/// Looks at the job.
pub(super) async fn look(world: &Arc<World>, api: &Process, id: JobId) {
    let ended_before = world.ledger.get(id).is_some_and(|entry| entry.ended.is_some());
    let asked = tokio::time::timeout(PATIENCE, api.store.job(id, 1_000)).await;
    let Ok(Ok(JobLookup::Found(job))) = asked else {
        return;
    };
    if job.state.is_terminal() {
        saw(world, &job);
    } else if ended_before {
        world
            .history
            .violate("P2", || format!("job {id} had ended, and is seen {}", job.state));
    }
}

fn saw(world: &World, job: &JobView) {
    let Some(before) = world.ledger.saw_end(job) else {
        world.note(&"client", || {
            let end = job.report.as_ref().map(as_of);
            format!("sees {} {} {end:?} {:?}", job.id, job.state, job.error)
        });
        return;
    };
    if before != *job {
        world.history.violate("contract 3", || {
            format!("an ended job changed from {before:?} to {job:?}")
        });
    }
}
