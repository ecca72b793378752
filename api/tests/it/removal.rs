//! Retries, deletes and the retention, as a client meets them.

use serde_json::json;

use crate::census::{BOUND, Census, data_folder, event};

#[test]
fn a_retry_is_a_new_job_over_the_same_events_and_changes_no_count() {
    let data = data_folder();
    let census = Census::embedded(data.path());
    let lines = format!("{}\nbad\n{}\n", event("ann"), event("ben"));
    let first = census.import("ndjson", lines).accepted();
    let ended = census.ended(&first);
    assert_eq!(ended["state"], "partially_succeeded");
    let link = ended["links"]["retry"].as_str().unwrap();
    let again = census.post(link).accepted();
    let retried = census.ended(&again);
    assert_eq!(retried["retry_of"], first.as_str());
    assert_eq!(retried["state"], "partially_succeeded");
    assert_eq!(
        retried["progress"],
        json!({"received": 3, "rejected": 1, "published": 2})
    );
    let rejects = census.get(&format!("/jobs/{again}/rejects"));
    assert_eq!(rejects.text, census.get(&format!("/jobs/{first}/rejects")).text);
    let report = census.report(&json!({}));
    assert_eq!((&report["users"], &report["events"]), (&json!(2), &json!(2)));
    assert_eq!(census.delete(&format!("/jobs/{first}")).status, 204);
    let once_more = census.post(&format!("/jobs/{again}/retry")).accepted();
    assert_eq!(
        census.ended(&once_more)["progress"]["published"],
        2,
        "the root's input is still there"
    );
    assert_eq!(census.report(&json!({}))["events"], 2);
}

#[test]
fn what_has_not_ended_is_neither_retried_nor_deleted() {
    let data = data_folder();
    let census = Census::embedded(data.path());
    let submit = census.post("/submit/100000").accepted();
    let report = census
        .post_json("/report", &json!({"after": [submit]}))
        .accepted();
    for answer in [
        census.post(&format!("/jobs/{report}/retry")),
        census.delete(&format!("/jobs/{report}")),
    ] {
        answer.problem(409, "not_ended");
        assert!(answer.header("retry-after").is_some());
    }
    census.post(&format!("/jobs/{report}/cancel"));
    // A worker may hold it just now.
    census.ended(&report);
    census.post(&format!("/jobs/{report}/retry")).accepted();
    let unknown = "/jobs/0199f0c2-0000-7000-8000-000000000000";
    census.delete(unknown).problem(404, "not_found");
    census.post(&format!("{unknown}/retry")).problem(404, "not_found");
}

#[test]
fn a_deleted_job_is_gone_and_its_events_stay_counted() {
    let data = data_folder();
    let census = Census::embedded(data.path());
    let id = census.post("/submit/5").accepted();
    census.succeeded(&id);
    let path = format!("/jobs/{id}");
    let deleted = census.delete(&path);
    assert_eq!((deleted.status, deleted.text.as_str()), (204, ""));
    let census = census.kill_and_restart();
    for answer in [
        census.get(&path),
        census.get(&format!("{path}/result")),
        census.get(&format!("{path}/rejects")),
        census.post(&format!("{path}/cancel")),
        census.post(&format!("{path}/retry")),
        census.delete(&path),
    ] {
        answer.problem(410, "gone");
    }
    census
        .post_json("/report", &json!({"after": [id]}))
        .problem(422, "invalid");
    assert_eq!(census.report(&json!({}))["events"], 5);
}

#[test]
fn jobs_past_their_retention_are_removed_and_remembered_for_a_while() {
    let data = data_folder();
    let config = data.path().join("census.toml");
    std::fs::write(&config, "retention = \"1s\"\ntombstones = \"3s\"\n").expect("the file can be written");
    let census = Census::start(vec![
        "--data-dir".into(),
        data.path().display().to_string(),
        "--config".into(),
        config.display().to_string(),
    ]);
    let id = census.post("/submit/5").accepted();
    census.succeeded(&id);
    for status in [410, 404] {
        let started = std::time::Instant::now();
        while census.get(&format!("/jobs/{id}")).status != status {
            assert!(started.elapsed() < BOUND, "it is never {status}");
            std::thread::park_timeout(std::time::Duration::from_millis(50));
        }
    }
    assert_eq!(census.report(&json!({}))["events"], 5);
}
