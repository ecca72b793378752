//! `Idempotency-Key`: one key, one request, one job, whatever happens in between.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;

use serde_json::json;

use crate::census::{Answer, BOUND, Census, data_folder, event};

const JSON: &str = "application/json";

#[test]
fn the_same_request_again_leads_to_the_same_job_also_after_a_crash() {
    let data = data_folder();
    let census = Census::embedded(data.path());
    let body = json!({"events": [event("ann")]}).to_string();
    let first = keyed(&census, "/submit", "order-17", JSON, &body);
    let id = first.accepted();
    assert_eq!(first.header("idempotency-replayed"), None);
    census.succeeded(&id);
    let census = census.kill_and_restart();
    for key in ["order-17", "\"order-17\""] {
        let again = keyed(&census, "/submit", key, "Application/JSON; charset=utf-8", &body);
        assert_eq!(again.accepted(), id);
        assert_eq!(again.header("idempotency-replayed"), Some("true"));
        assert_eq!(
            again.json()["state"],
            "succeeded",
            "the job is shown as it is now"
        );
    }
    assert_eq!(census.report(&json!({}))["events"], 1);
}

#[test]
fn another_request_with_the_key_is_refused_and_makes_nothing() {
    let data = data_folder();
    let census = Census::embedded(data.path());
    let id = keyed(&census, "/submit/3", "k", JSON, "").accepted();
    census.succeeded(&id);
    let event = json!({"events": [event("ann")]}).to_string();
    for (path, media_type, body) in [
        ("/submit", JSON, event.as_str()),
        ("/submit/4", JSON, ""),
        ("/submit/3", "text/plain", ""),
        ("/submit/3", JSON, " "),
        ("/report", JSON, ""),
        ("/import?format=csv", JSON, ""),
        (&format!("/jobs/{id}/retry"), JSON, ""),
    ] {
        keyed(&census, path, "k", media_type, body).problem(422, "key_reused");
    }
    assert_eq!(census.get("/jobs").json()["jobs"].as_array().unwrap().len(), 1);
}

#[test]
fn every_request_that_makes_a_job_takes_a_key() {
    let data = data_folder();
    let census = Census::embedded(data.path());
    let line = event("ann").to_string();
    let submitted = keyed(&census, "/submit/3", "samples", JSON, "").accepted();
    census.succeeded(&submitted);
    for (key, path, body) in [
        ("samples", "/submit/3".to_owned(), String::new()),
        (
            "import",
            "/import?format=ndjson".to_owned(),
            format!("{line}\nbad\n"),
        ),
        (
            "report",
            "/report".to_owned(),
            json!({"group_by": "state"}).to_string(),
        ),
        ("retry", format!("/jobs/{submitted}/retry"), String::new()),
    ] {
        let first = keyed(&census, &path, key, JSON, &body).accepted();
        let again = keyed(&census, &path, key, JSON, &body);
        assert_eq!(again.accepted(), first, "{path}");
        assert_eq!(again.header("idempotency-replayed"), Some("true"), "{path}");
    }
    // The effective format counts, not how it was told.
    let csv = "id,city,state,country,postCode,datetime\nann,Detroit,MI,US,,2026-11-23T10:00:00Z\n";
    let by_type = keyed(&census, "/import", "format", "text/csv", csv).accepted();
    let by_both = keyed(&census, "/import?format=csv", "format", "text/csv", csv);
    assert_eq!(by_both.accepted(), by_type);
}

#[test]
fn a_refused_request_leaves_its_key_free_and_a_bad_key_is_told() {
    let data = data_folder();
    let census = Census::embedded(data.path());
    keyed(&census, "/submit", "k", JSON, "{").problem(400, "bad_json");
    keyed(&census, "/import?format=ndjson", "k", JSON, "bad\n").problem(422, "all_rejected");
    let broken_off = send_half(&census, "k");
    drop(broken_off);
    let body = json!({"events": [event("ann")]}).to_string();
    keyed(&census, "/submit", "k", JSON, &body).accepted();
    for bad in ["", "two words", "\"open", &"k".repeat(256)] {
        let problem = keyed(&census, "/submit", bad, JSON, &body).problem(400, "bad_key");
        assert!(problem["detail"].as_str().unwrap().contains("Idempotency-Key"));
    }
    let twice = [
        ("content-type", JSON),
        ("idempotency-key", "a"),
        ("idempotency-key", "b"),
    ];
    census.post_with("/submit", &twice, body).problem(400, "bad_key");
}

#[test]
fn requests_with_one_key_at_the_same_time_make_one_job() {
    let data = data_folder();
    let census = Census::embedded(data.path());
    let lines: String = (0..2_000)
        .map(|n| format!("{}\n", event(&n.to_string())))
        .collect();
    let ids: Vec<String> = thread::scope(|scope| {
        let sent: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| keyed(&census, "/import?format=ndjson", "k", JSON, &lines).accepted()))
            .collect();
        sent.into_iter()
            .map(|sent| sent.join().expect("it is answered"))
            .collect()
    });
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    census.succeeded(&ids[0]);
    assert_eq!(census.report(&json!({}))["events"], 2_000);
}

#[test]
fn a_request_whose_key_is_in_flight_is_told_to_come_again() {
    let data = data_folder();
    let census = Census::embedded(data.path());
    let mut slow = send_half(&census, "k");
    let body = event("ann").to_string();
    let refused = keyed(&census, "/import?format=ndjson", "k", JSON, &body);
    refused.problem(409, "key_in_flight");
    assert!(refused.header("retry-after").is_some());
    let rest = format!("{body}\n");
    write!(slow, "{:x}\r\n{rest}\r\n0\r\n\r\n", rest.len()).expect("the server still reads");
    let mut answer = String::new();
    slow.read_to_string(&mut answer).expect("the server answers");
    assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
    assert_eq!(census.get("/jobs").json()["jobs"].as_array().unwrap().len(), 1);
}

#[test]
fn a_key_outlives_its_job_and_a_full_house() {
    let data = data_folder();
    let config = data.path().join("census.toml");
    // Without a broker no job ends by itself.
    let settings = "backlog_limit = 2\nprofile = \"brokers\"\nrabbitmq_url = \"amqp://127.0.0.1:9\"\n\
                    kafka_brokers = \"127.0.0.1:9\"\n";
    std::fs::write(&config, settings).expect("the file can be written");
    let census = Census::start(vec![
        "--data-dir".into(),
        data.path().display().to_string(),
        "--config".into(),
        config.display().to_string(),
    ]);
    let gone = keyed(&census, "/submit/3", "gone", JSON, "").accepted();
    let kept = keyed(&census, "/submit/3", "kept", JSON, "").accepted();
    census.post("/submit/1").problem(503, "overloaded");
    keyed(&census, "/submit/3", "new", JSON, "").problem(503, "overloaded");
    let replayed = keyed(&census, "/submit/3", "kept", JSON, "");
    assert_eq!(replayed.accepted(), kept, "replays come before admission");
    assert_eq!(census.post(&format!("/jobs/{gone}/cancel")).status, 200);
    assert_eq!(census.delete(&format!("/jobs/{gone}")).status, 204);
    keyed(&census, "/submit/3", "gone", JSON, "").problem(410, "gone");
    keyed(&census, "/submit/3", "new", JSON, "").accepted();
}

fn keyed(census: &Census, path: &str, key: &str, media_type: &str, body: &str) -> Answer {
    let headers = [("content-type", media_type), ("idempotency-key", key)];
    census.post_with(path, &headers, body)
}

/// An import that has begun and not ended: the service has taken its turn, and waits for the rest of the body.
fn send_half(census: &Census, key: &str) -> TcpStream {
    let mut stream = TcpStream::connect(census.address()).expect("the service listens");
    stream.set_read_timeout(Some(BOUND)).expect("a bound can be set");
    write!(
        stream,
        "POST /import?format=ndjson HTTP/1.1\r\nhost: census\r\nconnection: close\r\nidempotency-key: {key}\r\n\
         expect: 100-continue\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    .expect("the service reads");
    // It asks for the body once it begins to read it.
    let mut asked = [0; 25];
    stream
        .read_exact(&mut asked)
        .expect("the service asks for the body");
    assert_eq!(&asked, b"HTTP/1.1 100 Continue\r\n\r\n");
    let line = format!("{}\n", event("ben"));
    write!(stream, "{:x}\r\n{line}\r\n", line.len()).expect("the service reads");
    stream
}
