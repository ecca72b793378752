//! Bad input is refused with a problem that says what to do, and leaves no job.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

use serde_json::json;

use crate::census::{Census, data_folder, event};

#[test]
fn all_faults_of_a_body_are_told_at_once_with_their_places() {
    let data = data_folder();
    let census = Census::embedded(data.path());
    let mut bad = event("x");
    bad["address"]["city"] = json!(7);
    bad["address"]["country"] = json!("Atlantis");
    bad.as_object_mut().unwrap().remove("datetime");
    let problem = census
        .post_json("/submit", &json!({"events": [event("ok"), bad]}))
        .problem(422, "invalid");
    let mut errors: Vec<_> = problem["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| {
            format!(
                "{} {}",
                e["pointer"].as_str().unwrap(),
                e["code"].as_str().unwrap()
            )
        })
        .collect();
    errors.sort();
    assert_eq!(
        errors,
        [
            "#/events/1/address/city wrong_type",
            "#/events/1/address/country unknown_country",
            "#/events/1/datetime required",
        ]
    );
    no_job(&census);
}

#[test]
fn hostile_bodies_are_refused_and_leave_no_job() {
    let data = data_folder();
    let census = Census::embedded(data.path());
    let json = |body: Vec<u8>| census.post_body("/submit", "application/json", body);
    json(b"{\"events\":[".repeat(50_000)).problem(400, "bad_json");
    json(b"{\"events\":[{\"id\":\"\\ud800\"}]}".to_vec()).problem(400, "bad_json");
    json(b"{\"events\":[{\"id\":\"\xff\"}]}".to_vec()).problem(400, "bad_json");
    json(b"".to_vec()).problem(400, "bad_json");
    json(b"{\"events\":[]}".to_vec()).problem(422, "invalid");
    json(b"{\"evnts\":[]}".to_vec()).problem(422, "invalid");
    json(b"[1e999999]".to_vec()).problem(422, "invalid");
    json(vec![b' '; (8 << 20) + 1]).problem(413, "too_large");
    let many: Vec<_> = (0..10_001).map(|n| event(&n.to_string())).collect();
    census
        .post_json("/submit", &json!({"events": many}))
        .problem(413, "too_large");
    let nul = census
        .post_json("/submit", &json!({"events": [event("a\u{0}b")]}))
        .problem(422, "invalid");
    assert_eq!(nul["errors"][0]["code"], "control_character");
    census.import("ndjson", "").problem(422, "empty");
    census.import("ndjson", "\n \n").problem(422, "empty");
    census
        .import("ndjson", "x".repeat(100_000))
        .problem(422, "all_rejected");
    census.import("csv", "id,city\n").problem(422, "bad_csv_header");
    no_job(&census);
}

#[test]
fn wrong_types_methods_paths_and_parameters_say_what_would_be_right() {
    let data = data_folder();
    let census = Census::embedded(data.path());
    let type_missing = census
        .post_body("/submit", "text/plain", "{}")
        .problem(415, "unsupported_media_type");
    assert!(
        type_missing["detail"].as_str().unwrap().contains("-H"),
        "{type_missing}"
    );
    let old = census.get("/submit/10");
    assert_eq!(
        old.header("allow").map(|allow| allow.contains("POST")),
        Some(true),
        "{:?}",
        old.headers
    );
    let detail = old.problem(405, "method_not_allowed")["detail"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(detail.contains("curl -X POST"), "{detail}");
    census.get("/report").problem(405, "method_not_allowed");
    census.get("/nowhere").problem(404, "not_found");
    census.get("/jobs/not-a-uuid").problem(404, "not_found");
    census.get("/jobs?colour=red").problem(400, "bad_parameter");
    census.get("/jobs?limit=0").problem(400, "bad_parameter");
    census.post("/submit/0").problem(400, "bad_parameter");
    census.post("/submit/100001").problem(400, "bad_parameter");
    census
        .post_json("/report", &json!({"group_by": "planet"}))
        .problem(422, "invalid");
    let unknown = json!({"after": ["00000000-0000-7000-8000-000000000000"]});
    let problem = census.post_json("/report", &unknown).problem(422, "invalid");
    assert_eq!(problem["errors"][0]["code"], "unknown_job", "{problem}");
    no_job(&census);
}

#[test]
fn a_body_that_breaks_off_leaves_no_job() {
    let data = data_folder();
    let census = Census::embedded(data.path());
    let line = format!("{}\n", event("u"));
    let mut stream = TcpStream::connect(census.address()).unwrap();
    write!(
        stream,
        "POST /import?format=ndjson HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\nContent-Length: 99999999\r\n\r\n"
    )
    .unwrap();
    stream.write_all(line.repeat(1000).as_bytes()).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut text = String::new();
    // The server may answer or just close: both are right to a client that is gone.
    let _ = stream.read_to_string(&mut text);
    assert!(text.is_empty() || text.contains("incomplete_body"), "{text}");
    no_job(&census);
}

fn no_job(census: &Census) {
    assert_eq!(census.get("/jobs").json()["jobs"], json!([]));
}
