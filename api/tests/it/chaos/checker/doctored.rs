//! The checker itself: an honest history passes, and every way to doctor it is found out by the rule that is for it.

use serde_json::{Value, json};

use super::check;
use crate::chaos::history::{Answered, Ask, AskedReport, Line, What};
use crate::truth::{Entry, Event, Log, Place};

/// A history and a log that can be doctored.
#[derive(Clone)]
struct Story {
    lines: Vec<Line>,
    log: Log,
}

const A: &str = "01a20d95-0000-7000-8000-00000000000a";
const B: &str = "01a20d95-0000-7000-8000-00000000000b";
const C: &str = "01a20d95-0000-7000-8000-00000000000c";
const REPORT: &str = "01a20d95-0000-7000-8000-00000000000d";

/// Places of lines in the honest story.
const FIRST_ANSWER: usize = 1;
const REPEATED_ANSWER: usize = 3;
const ENDED_ANSWER: usize = 7;
const LIST_ANSWER: usize = 11;
const REPORT_ANSWER: usize = 15;

#[test]
fn an_honest_history_passes() {
    assert_eq!(check(&honest().lines, &honest().log), Vec::<String>::new());
}

#[test]
fn every_doctored_history_is_found_out() {
    type Doctor = fn(&mut Story);
    let doctored: [(&str, Doctor); 24] = [
        ("every accepted job ends", |story| {
            story.body(ENDED_ANSWER)["state"] = json!("running");
        }),
        ("no accepted job is unknown", |story| {
            story.answer(ENDED_ANSWER).status = 404;
        }),
        ("no accepted job is unknown", |story| {
            story.answer(ENDED_ANSWER).status = 410;
        }),
        ("one key, one job", |story| {
            story.body(REPEATED_ANSWER)["id"] = json!(C);
        }),
        ("no job comes from nowhere", |story| {
            story.body(LIST_ANSWER)["jobs"] = json!([{"id": A}, {"id": B}, {"id": REPORT}, {"id": C}]);
        }),
        ("states are legal and ends final", |story| {
            let mut later = story.body(ENDED_ANSWER).clone();
            later["revision"] = json!(9);
            later["state"] = json!("failed");
            story.seen(A, later);
        }),
        ("states are legal and ends final", |story| {
            let mut again = story.body(ENDED_ANSWER).clone();
            again["progress"]["published"] = json!(2);
            story.seen(A, again);
        }),
        ("states are legal and ends final", |story| {
            story.body(FIRST_ANSWER)["state"] = json!("running");
            let mut later = story.body(FIRST_ANSWER).clone();
            later["revision"] = json!(2);
            later["state"] = json!("queued");
            story.seen(A, later);
        }),
        ("revisions rise", |story| {
            let earlier = story.body(FIRST_ANSWER).clone();
            story.seen(A, earlier);
        }),
        ("refusals are problems", |story| {
            story.refused(500, "internal", None);
        }),
        ("refusals are problems", |story| {
            story.refused(503, "overloaded", None);
        }),
        ("refusals are problems", |story| {
            story.refused(503, "overloaded", Some("1"));
            let last = story.lines.len() - 1;
            story.answer(last).content_type = "text/plain".to_owned();
        }),
        ("answers are those of the contract", |story| {
            story.refused(418, "teapot", None);
        }),
        ("a success is in the log", |story| {
            story.forget("j:01a20d95-0000-7000-8000-00000000000a/1");
        }),
        ("a success is in the log", |story| story.forget("c:ann/e1")),
        ("a success is in the log", |story| {
            story.body(ENDED_ANSWER)["progress"]["rejected"] = json!(1);
        }),
        ("a success is in the log", |story| {
            story.body(ENDED_ANSWER)["state"] = json!("partially_succeeded");
        }),
        ("cancelled before a lease is silent", |story| {
            story.append(1, event(&format!("j:{B}/0"), "eve"));
        }),
        ("no event comes from nowhere", |story| {
            story.append(1, event(&format!("j:{C}/0"), "eve"));
        }),
        ("the last report is the whole log", |story| {
            story.append(1, event("c:ann/e1", "ann"));
        }),
        ("reports equal the log", |story| {
            story.body(REPORT_ANSWER)["report"]["events"] = json!(4);
        }),
        ("reports equal the log", |story| {
            story.body(REPORT_ANSWER)["report"]["rows"][0]["users"] = json!(1);
        }),
        ("reports include what they promise", |story| {
            let report = &mut story.body(REPORT_ANSWER)["report"];
            report["as_of"] = json!([{"partition": 0, "next_offset": 2}]);
        }),
        ("use is bounded, tokens rise", |story| {
            for token in [2, 1] {
                let job = A.to_owned();
                story.line(What::Token { job, task: 0, token });
            }
        }),
    ];
    for (rule, doctor) in doctored {
        let mut story = honest();
        doctor(&mut story);
        let broken = check(&story.lines, &story.log);
        assert!(
            broken.iter().any(|broken| broken.starts_with(rule)),
            "{rule}: {broken:?}"
        );
    }
}

#[test]
fn what_is_used_without_bound_is_found_out() {
    let process = || "api".to_owned();
    for what in [
        What::Used {
            process: process(),
            rss_kib: 10_000_000,
            descriptors: 1,
        },
        What::Used {
            process: process(),
            rss_kib: 1,
            descriptors: 10_000,
        },
        What::WriteAhead { bytes: 1 << 40 },
    ] {
        let mut story = honest();
        story.line(what);
        assert_eq!(check(&story.lines, &story.log).len(), 1);
    }
}

#[test]
fn an_event_that_is_twice_in_the_log_is_counted_once() {
    let mut story = honest();
    story.append(0, event("c:ann/e1", "ann"));
    story.body(REPORT_ANSWER)["report"]["as_of"][0]["next_offset"] = json!(3);
    assert_eq!(check(&story.lines, &story.log), Vec::<String>::new());
    story.body(REPORT_ANSWER)["report"]["events"] = json!(4);
    assert_eq!(check(&story.lines, &story.log).len(), 1);
}

/// A submit of three events, repeated with its key; one that is cancelled at once; then the list and a report.
fn honest() -> Story {
    let mut story = Story {
        lines: Vec::new(),
        log: Log::default(),
    };
    let submit = |key: &str, valid: u64, named: &[&str]| Ask::Submit {
        path: "/submit".to_owned(),
        key: Some(key.to_owned()),
        valid,
        rejected: 0,
        named: named.iter().map(|id| (*id).to_owned()).collect(),
    };
    let first = || submit("first", 3, &["c:ann/e1"]);
    story.tell(first(), 202, job(A, 1, "queued", 3, 0));
    story.tell(first(), 202, job(A, 2, "running", 3, 0));
    story.tell(submit("second", 1, &[]), 202, job(B, 1, "queued", 1, 0));
    story.tell(Ask::Poll { job: A.to_owned() }, 200, job(A, 3, "succeeded", 3, 3));
    story.tell(
        Ask::Cancel { job: B.to_owned() },
        200,
        job(B, 2, "cancelled", 1, 0),
    );
    story.tell(Ask::List, 200, json!({"jobs": [{"id": A}, {"id": B}]}));
    let report = AskedReport {
        key: None,
        group_by: "city".to_owned(),
        from: None,
        to: None,
        after: Vec::new(),
        fresh: true,
    };
    let queued = json!({"id": REPORT, "kind": "report", "state": "queued", "revision": 1});
    story.tell(Ask::Report(Box::new(report)), 202, queued);
    let row = json!({"country": "US", "state": "MI", "city": "Detroit", "users": 2, "events": 3});
    let counts = json!({
        "users": 2, "events": 3, "quarantined": 0, "rows": [row],
        "as_of": [{"partition": 0, "next_offset": 2}, {"partition": 1, "next_offset": 1}],
    });
    let report =
        json!({"id": REPORT, "kind": "report", "state": "succeeded", "revision": 2, "report": counts});
    story.tell(
        Ask::Poll {
            job: REPORT.to_owned(),
        },
        200,
        report,
    );
    story.append(0, event(&format!("j:{A}/0"), "ann"));
    story.append(0, event("c:ann/e1", "ann"));
    story.append(1, event(&format!("j:{A}/1"), "bob"));
    story
}

impl Story {
    fn line(&mut self, what: What) {
        let at_ms = self.lines.len() as u64;
        self.lines.push(Line { at_ms, what });
    }

    fn tell(&mut self, ask: Ask, status: u16, body: Value) {
        let answer = Answered {
            status,
            content_type: "application/json; charset=utf-8".to_owned(),
            retry_after: None,
            body,
        };
        self.exchange(ask, answer);
    }

    fn exchange(&mut self, ask: Ask, answer: Answered) {
        let op = self.lines.len() as u64;
        self.line(What::Asked { op, client: 0, ask });
        self.line(What::Answered { op, answer });
    }

    /// Somebody sees the job once more.
    fn seen(&mut self, job: &str, body: Value) {
        self.tell(Ask::Poll { job: job.to_owned() }, 200, body);
    }

    fn refused(&mut self, status: u16, code: &str, retry_after: Option<&str>) {
        let answer = Answered {
            status,
            content_type: "application/problem+json".to_owned(),
            retry_after: retry_after.map(str::to_owned),
            body: json!({"code": code}),
        };
        self.exchange(Ask::Poll { job: A.to_owned() }, answer);
    }

    fn answer(&mut self, line: usize) -> &mut Answered {
        match &mut self.lines[line].what {
            What::Answered { answer, .. } => answer,
            other => panic!("line {line} is {other:?}"),
        }
    }

    fn body(&mut self, line: usize) -> &mut Value {
        &mut self.answer(line).body
    }

    /// The event was never written.
    fn forget(&mut self, id: &str) {
        for entry in self.log.0.values_mut().flatten() {
            if entry.event.as_ref().is_some_and(|event| event.id == id) {
                entry.event = None;
            }
        }
    }

    fn append(&mut self, partition: i32, event: Event) {
        let entries = self.log.0.entry(partition).or_default();
        let offset = entries.len() as i64;
        entries.push(Entry {
            offset,
            event: Some(event),
        });
    }
}

fn job(id: &str, revision: u64, state: &str, received: u64, published: u64) -> Value {
    json!({
        "id": id, "kind": "submit", "state": state, "revision": revision, "attempts": [],
        "progress": {"received": received, "rejected": 0, "published": published},
    })
}

fn event(id: &str, user: &str) -> Event {
    Event {
        id: id.to_owned(),
        user: user.to_owned(),
        place: Place("US".to_owned(), "mi".to_owned(), "detroit".to_owned()),
        datetime: "2026-11-23T10:00:00.000Z".to_owned(),
    }
}
