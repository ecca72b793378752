//! What clients ask for: submits of a few events at a few places, and reports of all kinds.

use shared::event::{Address, CleanEvent, CleanUser};
use shared::job::{
    GroupBy, JobId, JobKind, JobRequest, Labels, ReportRequest, RequestDigest, SubmitOrigin, SubmitRequest,
};
use shared::ports::{Clock, InputChunk, KeyUse, NewJob, NewTask};
use shared::time::Timestamp;
use shared::wire::{StoredEvent, TraceContext};
use uuid::Uuid;

use super::ledger::Asked;
use super::world::World;

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
    for task in 0..dice.within(1..=3) as u32 {
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
        mail_to: Vec::new(),
        schedule: None,
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
