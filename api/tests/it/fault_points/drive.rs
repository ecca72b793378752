//! A client that goes on while the process dies under it, and remembers what was accepted.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::census::{Answer, BOUND, Census, event};

/// Enough rounds to reach any point that the usual traffic passes.
const ROUNDS: u32 = 20;
const JSON: &str = "application/json";
const NDJSON: &str = "application/x-ndjson";

/// What the client knows.
#[derive(Debug, Default)]
pub(super) struct Client {
    /// What was answered `202`, in order.
    pub(super) accepted: Vec<String>,
    /// What it asked to remove.
    pub(super) removed: BTreeSet<String>,
    /// Whether an operator has repaired the log.
    pub(super) repaired: bool,
    /// Requests that make jobs, sent so far; each has a key of its own.
    sent: u32,
    unanswered: Option<Post>,
}

/// A request that makes a job.
#[derive(Clone, Debug)]
struct Post {
    path: String,
    media_type: &'static str,
    body: Vec<u8>,
    key: String,
}

impl Client {
    /// Submits in all ways, cancels, retries, removes and reports, until `ended` or until everything had its turn
    /// often.
    pub(super) fn usual(&mut self, census: &mut Census, mut ended: impl FnMut(&mut Census) -> bool) {
        for _ in 0..ROUNDS {
            if ended(census) || self.round(census, &mut ended).is_none() {
                return;
            }
        }
    }

    /// `None` when a process went away.
    fn round(&mut self, census: &mut Census, ended: &mut impl FnMut(&mut Census) -> bool) -> Option<()> {
        let own = json!({"events": [event("ann"), event("bob"), event("ann")]}).to_string();
        let own = self.post(census, "/submit", JSON, own)?;
        let sample = self.sample(census)?;
        let lines = format!("{}\n{{\"id\":\"bad\"}}\n", event("cy"));
        let import = self.post(census, "/import?format=ndjson", NDJSON, lines)?;
        let unwanted = json!({"events": [event("eve")]}).to_string();
        let unwanted = self.post(census, "/submit", JSON, unwanted)?;
        census.try_post(&format!("/jobs/{unwanted}/cancel"), &[], b"")?;
        let report = json!({"after": [own, sample, import]}).to_string();
        let report = self.post(census, "/report", JSON, report)?;
        loop {
            let answer = census.try_get(&format!("/jobs/{report}?wait=1"), &[])?;
            assert_eq!(answer.status, 200, "{}", answer.text);
            if answer.json()["ended_at"].is_string() {
                break;
            }
            if ended(census) {
                return None;
            }
        }
        self.post(census, &format!("/jobs/{own}/retry"), JSON, "")?;
        self.remove(census, &import)
    }

    /// A body that is staged before it is accepted (P1).
    pub(super) fn long_import(&mut self, census: &Census) {
        self.post(census, "/import?format=ndjson", NDJSON, long_body());
    }

    /// A report that its deadline meets before its jobs end.
    pub(super) fn late_report(&mut self, census: &Census, after: &str) {
        let report = json!({"after": [after], "deadline_s": 1}).to_string();
        self.post(census, "/report", JSON, report);
    }

    /// A report of all that is in the log.
    pub(super) fn report(&mut self, census: &Census) -> Option<String> {
        self.post(census, "/report", JSON, "{}")
    }

    /// Some sample users.
    pub(super) fn sample(&mut self, census: &Census) -> Option<String> {
        self.samples(census, 300)
    }

    /// So many sample users.
    pub(super) fn samples(&mut self, census: &Census, count: u32) -> Option<String> {
        self.post(census, &format!("/submit/{count}"), JSON, "")
    }

    /// Sends once more, twice, what was not answered: all three are one job.
    pub(super) fn repeat(&mut self, census: &Census) {
        if let Some(post) = self.unanswered.take() {
            let first = send(census, &post).expect("the api answers").accepted();
            let second = send(census, &post).expect("the api answers");
            assert_eq!(second.header("idempotency-replayed"), Some("true"));
            assert_eq!(second.accepted(), first);
            self.accepted.push(first);
        }
    }

    fn post(
        &mut self,
        census: &Census,
        path: &str,
        media_type: &'static str,
        body: impl Into<Vec<u8>>,
    ) -> Option<String> {
        self.sent += 1;
        let post = Post {
            path: path.to_owned(),
            media_type,
            body: body.into(),
            key: format!("request-{}", self.sent),
        };
        self.unanswered = Some(post.clone());
        let id = send(census, &post)?.accepted();
        self.unanswered = None;
        self.accepted.push(id.clone());
        Some(id)
    }

    fn remove(&mut self, census: &Census, id: &str) -> Option<()> {
        self.removed.insert(id.to_owned());
        let answer = census.try_delete(&format!("/jobs/{id}"))?;
        assert_eq!(answer.status, 204, "{}", answer.text);
        Some(())
    }
}

fn send(census: &Census, post: &Post) -> Option<Answer> {
    let headers = [("content-type", post.media_type), ("idempotency-key", &post.key)];
    census.try_post(&post.path, &headers, &post.body)
}

/// Sends a long body and breaks off in the middle.
pub(super) fn broken_off_import(census: &Census) {
    let body = long_body();
    let mut socket = TcpStream::connect(census.address()).expect("the api listens");
    socket.set_write_timeout(Some(BOUND)).expect("a bound is a bound");
    let head = format!(
        "POST /import?format=ndjson HTTP/1.1\r\nhost: census\r\ncontent-length: {}\r\n\r\n",
        body.len() * 2
    );
    // The process may die while it reads.
    let _ = socket
        .write_all(head.as_bytes())
        .and_then(|()| socket.write_all(body.as_bytes()));
}

/// Some 7 MiB in few events: staging counts bytes.
fn long_body() -> String {
    let long = "漢".repeat(180);
    let address = json!({"city": long, "state": long, "country": "JP", "postCode": long});
    let line = |n: u32| -> Value {
        json!({"id": format!("{n}{long}"), "address": address, "datetime": "2026-11-23T10:00:00Z"})
    };
    (0..3_200).map(|n| format!("{}\n", line(n))).collect()
}
