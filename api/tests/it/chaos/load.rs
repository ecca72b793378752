//! What the clients of a storm send: few users at few places, so that everything meets everything.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use super::client::{Request, body_of};
use super::history::{Ask, AskedReport};

const USERS: u32 = 200;
/// Country, state and city, as people type them.
const PLACES: [(&str, &str, &str); 7] = [
    ("US", "MI", "Detroit"),
    ("USA", "Mich.", " DETROIT"),
    ("US", "Ohio", "Chagrin Falls"),
    ("Germany", "", "Köln"),
    ("DE", "", "koln"),
    ("US", "IL", "Springfield"),
    ("US", "MA", "Springfield"),
];

/// A few events in JSON; some have an id that a later one repeats.
pub(super) fn events(rng: &mut ChaCha8Rng, key: Option<String>) -> Request {
    let mut named = Vec::new();
    let count = rng.random_range(1..20);
    let events: Vec<_> = (0..count)
        .map(|_| {
            let mut event = event(rng);
            if rng.random_bool(0.2) {
                let id = format!("e{}", rng.random_range(0..50));
                event["event_id"] = json!(id);
                named.push(format!(
                    "c:{}/{id}",
                    event["id"].as_str().expect("a user has an id")
                ));
            }
            event
        })
        .collect();
    submit(
        "/submit",
        key,
        count,
        0,
        named,
        "application/json",
        json!({"events": events}).to_string(),
    )
}

/// Sample users.
pub(super) fn sample(rng: &mut ChaCha8Rng, key: Option<String>) -> Request {
    let count = rng.random_range(1..400);
    let path = format!("/submit/{count}");
    submit(&path, key, count, 0, Vec::new(), "application/json", "")
}

/// A file with some bad lines, in either format.
pub(super) fn import(rng: &mut ChaCha8Rng, key: Option<String>) -> Request {
    let valid = rng.random_range(1..200);
    let rejected = rng.random_range(0..5);
    let lines = valid + rejected;
    // Bad lines come first: where they stand makes no difference to anybody.
    if rng.random_bool(0.5) {
        let line = |n: u64, rng: &mut ChaCha8Rng| {
            if n < rejected {
                json!({"id": n.to_string()})
            } else {
                event(rng)
            }
        };
        let body: String = (0..lines).map(|n| format!("{}\n", line(n, rng))).collect();
        let media_type = "application/x-ndjson";
        return submit(
            "/import?format=ndjson",
            key,
            valid,
            rejected,
            Vec::new(),
            media_type,
            body,
        );
    }
    let mut body = "id,city,state,country,postCode,datetime\n".to_owned();
    for n in 0..lines {
        let event = event(rng);
        let address = &event["address"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let country = if n < rejected {
            "Atlantis".to_owned()
        } else {
            text(&address["country"])
        };
        let (city, state) = (text(&address["city"]), text(&address["state"]));
        let (id, moment) = (text(&event["id"]), text(&event["datetime"]));
        body += &format!("{id},{city},{state},{country},,{moment}\n");
    }
    submit(
        "/import?format=csv",
        key,
        valid,
        rejected,
        Vec::new(),
        "text/csv",
        body,
    )
}

/// A body that is staged in several transactions (P1).
pub(super) fn long_import(rng: &mut ChaCha8Rng, key: Option<String>) -> Request {
    // Four bytes a letter: staging counts bytes, cleaning letters.
    let long = "𠮷".repeat(190);
    let valid = 1_600;
    let line = |n: u64| {
        let mut event = event(rng);
        event["id"] = json!(format!("{n}{long}"));
        event["address"]["postCode"] = json!(long);
        event["address"]["state"] = json!(long);
        event["address"]["country"] = json!("JP");
        event["address"]["city"] = json!(long);
        format!("{event}\n")
    };
    let body: String = (0..valid).map(line).collect();
    let media_type = "application/x-ndjson";
    submit(
        "/import?format=ndjson",
        key,
        valid,
        0,
        Vec::new(),
        media_type,
        body,
    )
}

/// Any report.
pub(super) fn report(rng: &mut ChaCha8Rng, key: Option<String>, after: Vec<String>) -> Request {
    let group_by = ["city", "state", "country"][rng.random_range(0..3)].to_owned();
    let day = |n: u32| format!("2026-11-{n:02}T00:00:00.000Z");
    let from = rng.random_bool(0.2).then(|| day(rng.random_range(1..10)));
    let to = rng.random_bool(0.2).then(|| day(rng.random_range(11..20)));
    let report = AskedReport {
        key,
        group_by,
        from,
        to,
        after,
        fresh: rng.random_bool(0.7),
    };
    Request {
        path: "/report".to_owned(),
        media_type: "application/json",
        body: body_of(&report),
        ask: Ask::Report(Box::new(report)),
    }
}

fn submit(
    path: &str,
    key: Option<String>,
    valid: u64,
    rejected: u64,
    named: Vec<String>,
    media_type: &'static str,
    body: impl Into<Vec<u8>>,
) -> Request {
    let ask = Ask::Submit {
        path: path.to_owned(),
        key,
        valid,
        rejected,
        named,
    };
    Request {
        ask,
        path: path.to_owned(),
        media_type,
        body: body.into(),
    }
}

fn event(rng: &mut ChaCha8Rng) -> Value {
    let (country, state, city) = PLACES[rng.random_range(0..PLACES.len())];
    let user = format!("user-{}", rng.random_range(0..USERS));
    let moment = format!(
        "2026-11-{:02}T{:02}:00:00.000Z",
        rng.random_range(1..21),
        rng.random_range(0..24)
    );
    json!({"id": user, "address": {"city": city, "state": state, "country": country}, "datetime": moment})
}
