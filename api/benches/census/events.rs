//! The users that are submitted: each another one, in turn at a thousand places of the US.

use bytes::Bytes;
use shared::event::{Address, CleanEvent, CleanUser};
use shared::job::JobId;
use shared::time::Timestamp;
use shared::wire::{StoredEvent, TraceContext, UserEventRecord};

/// Places; all of them occur in the first thousand events.
pub(crate) const PLACES: u64 = 1_000;
/// Bytes of a block of NDJSON, about.
const BLOCK_BYTES: usize = 64 * 1024;
const STATES: [&str; 8] = ["OH", "MI", "MD", "TX", "ID", "MA", "IL", "NY"];

/// The body of a submit of event `n` alone.
pub(crate) fn submit_body(n: u64) -> Bytes {
    format!("{{\"events\":[{}]}}", json(n)).into()
}

/// Lines of NDJSON with the events of this range, in blocks as a client would send them.
pub(crate) fn ndjson(events: std::ops::Range<u64>) -> impl Iterator<Item = Bytes> + Send + 'static {
    let mut events = events;
    std::iter::from_fn(move || {
        let mut block = String::with_capacity(BLOCK_BYTES + 256);
        while block.len() < BLOCK_BYTES
            && let Some(n) = events.next()
        {
            block.push_str(&json(n));
            block.push('\n');
        }
        (!block.is_empty()).then(|| block.into())
    })
}

/// Bytes of such an event in Kafka: key, value, names and values of headers.
pub(crate) fn record_bytes() -> usize {
    let mut line = Vec::new();
    StoredEvent::write(0, &clean(0), &mut line);
    let line = Bytes::from(line);
    let stored = StoredEvent::lines(&line)
        .next()
        .and_then(Result::ok)
        .expect("the line was just written");
    let trace = TraceContext::generate().to_string();
    let (_, record) = UserEventRecord::to_record(&stored, &line, JobId::generate(), &trace)
        .expect("the line was just written");
    let headers: usize = record
        .headers
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum();
    record.key.len() + record.value.len() + headers
}

fn json(n: u64) -> String {
    serde_json::to_string(&clean(n).user).expect("every member is a text")
}

/// Event `n` as it looks after cleaning, which leaves it as it is.
fn clean(n: u64) -> CleanEvent {
    let place = n % PLACES;
    let state = STATES[(place % STATES.len() as u64) as usize];
    CleanEvent {
        event_id: None,
        user: CleanUser {
            id: format!("user-{n:08}"),
            address: Address {
                city: format!("Chagrin Falls {place:03}"),
                state: Some(state.to_owned()),
                country: "US".to_owned(),
                post_code: Some("44022".to_owned()),
            },
            // A second each, round a year.
            datetime: Timestamp::from_millis(1_700_000_000_000 + (n % 31_536_000) as i64 * 1_000),
        },
    }
}
