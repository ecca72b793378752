//! Reading, waiting, listing and cancelling jobs.

use std::time::Instant;

use serde_json::json;

use crate::census::{BOUND, Census, data_folder, event};

#[test]
fn a_wait_returns_at_the_end_and_an_etag_saves_the_body() {
    let data = data_folder();
    let census = Census::embedded(data.path());
    let id = census.post("/submit/10").accepted();
    census.succeeded(&id);
    let answer = census.get(&format!("/jobs/{id}"));
    let etag = answer.header("etag").unwrap().to_owned();
    assert!(etag.starts_with("W/\""), "{etag}");
    let unchanged = census.get_with(&format!("/jobs/{id}"), &[("if-none-match", &etag)]);
    assert_eq!((unchanged.status, unchanged.text.as_str()), (304, ""));
    let started = Instant::now();
    let ended = census.get_with(&format!("/jobs/{id}?wait=30"), &[("if-none-match", &etag)]);
    assert_eq!(ended.status, 304, "an ended job does not keep a waiter");
    assert!(started.elapsed() < BOUND / 4);
    let preferred = census.get_with(&format!("/jobs/{id}"), &[("prefer", "wait=90")]);
    assert_eq!(preferred.header("preference-applied"), Some("wait=60"));
}

#[test]
fn the_list_is_newest_first_and_its_cursor_walks_every_job_once() {
    let data = data_folder();
    let census = Census::embedded(data.path());
    let mut made: Vec<_> = (0..7).map(|_| census.post("/submit/1").accepted()).collect();
    census.post("/report").accepted();
    made.reverse();
    let mut seen = Vec::new();
    let mut path = "/jobs?kind=submit&limit=3".to_owned();
    loop {
        let page = census.get(&path).json();
        let jobs = page["jobs"].as_array().unwrap();
        seen.extend(jobs.iter().map(|job| job["id"].as_str().unwrap().to_owned()));
        assert!(
            jobs.iter()
                .all(|job| job.get("receipts").is_none() && job.get("attempts").is_none())
        );
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/jobs?kind=submit&limit=3&cursor={next}");
    }
    assert_eq!(seen, made);
    assert_eq!(census.get("/jobs?kind=nonsense").json()["jobs"], json!([]));
    census.get("/jobs?state=nonsense").problem(400, "bad_parameter");
}

#[test]
fn a_job_of_which_nothing_was_done_is_cancelled_and_stays_so() {
    let data = data_folder();
    let census = Census::embedded(data.path());
    // Waits for another that waits for nothing that would end: the second report is surely not done.
    let submit = census.post("/submit/100000").accepted();
    let report = census
        .post_json("/report", &json!({"after": [submit]}))
        .accepted();
    let cancel = census.post(&format!("/jobs/{report}/cancel"));
    assert!([200, 202].contains(&cancel.status), "{}", cancel.text);
    assert_eq!(census.ended(&report)["state"], "cancelled");
    assert_eq!(
        census.post(&format!("/jobs/{report}/cancel")).status,
        200,
        "a cancel is repeatable"
    );
    census
        .get(&format!("/jobs/{report}/result"))
        .problem(409, "no_result");
    census.succeeded(&submit);
    census
        .post(&format!("/jobs/{submit}/cancel"))
        .problem(409, "already_ended");
}

#[test]
fn a_label_finds_the_jobs_that_carry_it() {
    let data = data_folder();
    let census = Census::embedded(data.path());
    let blue = census
        .post("/submit/1?label=team:blue&label=run:7%20a")
        .accepted();
    let lines = format!("{}\n", event("ann"));
    let import = census.post_body("/import?format=ndjson&label=team:blue", "text/plain", lines);
    let red = census.post("/report?label=team:red").accepted();
    let job = census.succeeded(&blue);
    assert_eq!(job["labels"], json!({"run": "7 a", "team": "blue"}));
    let again = census.post(&format!("/jobs/{blue}/retry")).accepted();
    let found = |query: &str| -> Vec<String> {
        let page = census.get(&format!("/jobs?{query}")).json();
        let jobs = page["jobs"].as_array().expect("a list").iter();
        jobs.map(|job| job["id"].as_str().expect("an id").to_owned())
            .collect()
    };
    assert_eq!(
        found("label=team:blue"),
        [again.clone(), import.accepted(), blue.clone()]
    );
    assert_eq!(found("label=team:blue&label=run:7%20a"), [again, blue]);
    assert_eq!(found("label=team:red&kind=report"), [red]);
    for bad in ["team", "Team:blue", "team:a&label=team:b"] {
        census
            .post(&format!("/submit/1?label={bad}"))
            .problem(400, "bad_parameter");
    }
    assert_eq!(
        census.get("/jobs").json()["jobs"]
            .as_array()
            .expect("a list")
            .len(),
        4
    );
}

#[test]
fn all_jobs_that_match_are_cancelled_or_retried_by_one_request() {
    let data = data_folder();
    let census = Census::embedded(data.path());
    let submit = census.post("/submit/100000?label=run:1").accepted();
    let report = |label: &str| {
        let path = format!("/report?label={label}");
        census.post_json(&path, &json!({"after": [submit]})).accepted()
    };
    let (one, two) = (report("run:1"), report("run:2"));
    let bulk = census.post("/jobs/cancel?kind=report&label=run:1").accepted();
    let job = census.succeeded(&bulk);
    assert_eq!(
        (&job["kind"], &job["bulk"]),
        (&json!("cancel"), &json!({"matched": 1, "changed": 1}))
    );
    assert!(job.get("progress").is_none(), "{job}");
    assert_eq!(census.ended(&one)["state"], "cancelled");
    let result = census.get(&format!("/jobs/{bulk}/result")).json();
    assert_eq!(result, json!({"bulk": {"matched": 1, "changed": 1}}));
    let again = census.post("/jobs/retry?state=cancelled").accepted();
    assert_eq!(
        census.succeeded(&again)["bulk"],
        json!({"matched": 1, "changed": 1})
    );
    let list = census.get("/jobs?kind=report&label=run:1").json();
    assert_eq!(list["jobs"][0]["retry_of"], one.as_str());
    census.post("/jobs/cancel?kind=nonsense").accepted();
    census
        .post("/jobs/cancel?state=nonsense")
        .problem(400, "bad_parameter");
    census
        .post_json("/jobs/cancel", &json!({"label": ["run:2"]}))
        .problem(400, "bad_request");
    let headers = [("idempotency-key", "k")];
    let first = census
        .post_with("/jobs/cancel?label=run:9", &headers, "")
        .accepted();
    assert_eq!(
        census
            .post_with("/jobs/cancel?label=run:9", &headers, "")
            .accepted(),
        first
    );
    census
        .post_with("/jobs/cancel", &headers, "")
        .problem(422, "key_reused");
    census.post(&format!("/jobs/{two}/cancel"));
}
