//! What must hold once a process has died anywhere and another has taken its place.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::drive::Client;
use crate::census::Census;
use crate::truth::{Counts, Log, as_of};

/// Every accepted job is there, once, every job ends, and the counts are the log's events, each once. `log` is read
/// after the last job has ended.
pub(super) fn assert_whole(census: &Census, client: &mut Client, log: impl FnOnce() -> Log) {
    client.repeat(census);
    let jobs = all_ended(census);
    let expected = client.accepted.iter().filter(|id| !client.removed.contains(*id));
    let expected: BTreeSet<_> = expected.map(String::as_str).collect();
    let found: BTreeSet<_> = jobs.keys().map(String::as_str).collect();
    // A repair of the log publishes again, by retries that no client has asked for.
    let is_known =
        |id: &&str| client.removed.contains(*id) || client.repaired && jobs[*id]["retry_of"].is_string();
    assert!(
        expected.is_subset(&found),
        "lost: {:?}",
        expected.difference(&found)
    );
    assert!(
        found.difference(&expected).all(is_known),
        "a request became two jobs"
    );
    let report = census.report(&json!({}));
    let log = log();
    assert_eq!(
        as_of(&report),
        log.ends(),
        "a fresh report includes the whole log"
    );
    assert_eq!(
        Counts::of_report(&report),
        log.counts(&log.ends(), "city", |_| true)
    );
    for (id, job) in &jobs {
        assert_published(job, root(id, &jobs), &log);
    }
}

/// The job whose input this one publishes (P11).
fn root<'a>(id: &'a str, jobs: &'a BTreeMap<String, Value>) -> &'a str {
    match jobs.get(id).and_then(|job| job["retry_of"].as_str()) {
        Some(of) => root(of, jobs),
        None => id,
    }
}

/// A submit that succeeded is in the log, and one that was cancelled before anybody held it is not.
fn assert_published(job: &Value, root: &str, log: &Log) {
    if job["kind"] != "submit" {
        return;
    }
    let prefix = format!("j:{root}/");
    let ids = log.ids();
    let found: BTreeSet<_> = ids.keys().filter(|id| id.starts_with(&prefix)).collect();
    let progress = &job["progress"];
    let number = |name: &str| progress[name].as_u64().expect("progress is numbers");
    let valid = (number("received") - number("rejected")) as usize;
    match job["state"].as_str().expect("a state is text") {
        "succeeded" | "partially_succeeded" => assert_eq!(found.len(), valid, "{job}"),
        "cancelled" if job["attempts"] == json!([]) => assert_eq!(found.len(), 0, "{job}"),
        "cancelled" => assert!(found.len() <= valid, "{job}"),
        other => panic!("{other}: {job}"),
    }
}

fn all_ended(census: &Census) -> BTreeMap<String, Value> {
    let list = census.get("/jobs?limit=1000").json();
    let jobs = list["jobs"].as_array().expect("a list has jobs");
    let ids = jobs
        .iter()
        .map(|job| job["id"].as_str().expect("a job has an id"));
    ids.map(|id| (id.to_owned(), census.ended(id))).collect()
}
