//! What an operator does by hand, as real processes over the data folder of an `embedded` that is stopped, or beside
//! the processes of `brokers`: the quarantine (P19), a rebuild (P20), a log that was lost (P17).

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use serde_json::{Value, json};
use shared::adapters::sqlite::log::SqliteLog;
use shared::adapters::system::SystemClock;
use shared::ports::{EventLog, LogRecord};

use crate::brokers;
use crate::census::{BOUND, Census, Workers, data_folder, event};

/// What a command said.
struct Said {
    code: Option<i32>,
    lines: Vec<Value>,
    errors: String,
}

/// Runs a command to its end, with this on its standard input.
fn operate(data: &Path, arguments: &[&str], input: &str) -> Said {
    operate_with(
        &["--data-dir".to_owned(), data.display().to_string()],
        arguments,
        input,
    )
}

fn operate_with(flags: &[String], arguments: &[&str], input: &str) -> Said {
    let mut child = Command::new(env!("CARGO_BIN_EXE_api"))
        .args(flags)
        .args(arguments)
        .env("CENSUS_LOG", "warn")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary under test starts");
    let mut stdin = child.stdin.take().expect("stdin is piped");
    // A command that refuses at once does not read.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().expect("the command ends");
    Said {
        code: output.status.code(),
        lines: String::from_utf8_lossy(&output.stdout)
            .lines()
            .map(|line| serde_json::from_str(line).expect("every line is JSON"))
            .collect(),
        errors: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// What another program might write to the topic.
fn append_foreign(data: &Path) {
    let runtime = tokio::runtime::Runtime::new().expect("the system has room for threads");
    runtime.block_on(async {
        let log = SqliteLog::open(&data.join("log.sqlite"), "user-events", Arc::new(SystemClock))
            .expect("nobody else writes it");
        let record = LogRecord {
            key: "somebody".into(),
            headers: vec![("ce_type", "orders.placed".into())],
            value: "\u{1b}order 66".into(),
        };
        for delivery in log.publish(vec![record]).await {
            delivery.expect("the log takes every record");
        }
    });
}

/// The projection's component of `/readyz` once it is as awaited.
fn projection(census: &Census, awaited: impl Fn(&Value) -> bool) -> Value {
    let started = Instant::now();
    loop {
        let ready = census.get("/readyz").json();
        let components = ready["components"].as_array().expect("they are a list");
        let shown = components.iter().find(|one| one["name"] == "projection");
        let shown = shown.expect("every process has a projection");
        if awaited(shown) {
            return shown.clone();
        }
        assert!(started.elapsed() < BOUND, "{ready}");
    }
}

fn stop(census: Census) {
    assert_eq!(census.terminate(), Some(0));
}

#[test]
fn p19_a_record_in_quarantine_is_seen_and_corrected_once() {
    let data = data_folder();
    let data = data.path();
    stop(Census::embedded(data));
    append_foreign(data);
    let census = Census::embedded(data);
    assert_eq!(census.report(&json!({}))["quarantined"], 1);
    let shown = projection(&census, |shown| shown["detail"].is_string());
    assert_eq!(
        (shown["state"].as_str(), shown["detail"].as_str()),
        (
            Some("up"),
            Some("1 record in quarantine: `workers quarantine list`")
        )
    );
    assert!(
        census
            .get("/metrics")
            .text
            .contains("census_quarantined_records 1")
    );
    let refused = operate(data, &["quarantine", "list"], "");
    assert_eq!(refused.code, Some(2));
    assert!(
        refused.errors.contains("in use by another process"),
        "{}",
        refused.errors
    );
    stop(census);

    let listed = operate(data, &["quarantine", "list"], "");
    assert_eq!(
        (listed.code, listed.lines.len()),
        (Some(0), 1),
        "{}",
        listed.errors
    );
    let line = &listed.lines[0];
    assert_eq!(
        (&line["size_bytes"], &line["start"], &line["corrected"]),
        (&json!(9), &json!("\u{FFFD}order 66"), &json!(false))
    );
    let place = format!("{}/{}", line["partition"], line["offset"]);
    let redrive =
        |place: &str, event: &Value| operate(data, &["quarantine", "redrive", place], &event.to_string());
    assert_eq!(redrive("3/999", &event("corrected")).code, Some(2));
    let mut bad = event("corrected");
    bad["address"]["country"] = json!("Atlantis");
    let refused = redrive(&place, &bad);
    assert_eq!(refused.code, Some(2));
    assert!(refused.errors.contains("#/address/country"), "{}", refused.errors);
    // Once more before anybody has read the first.
    let first = redrive(&place, &event("corrected"));
    let second = redrive(&place, &event("corrected"));
    assert_eq!((first.code, second.code), (Some(0), Some(0)), "{}", second.errors);
    assert_eq!(first.lines[0]["event_id"], second.lines[0]["event_id"]);
    assert_ne!(first.lines[0]["offset"], second.lines[0]["offset"]);

    let census = Census::embedded(data);
    let report = census.report(&json!({}));
    assert_eq!(
        (&report["events"], &report["quarantined"]),
        (&json!(1), &json!(0))
    );
    stop(census);
    let third = redrive(&place, &event("corrected"));
    assert_eq!(third.code, Some(2), "{}", third.errors);
    assert_eq!(operate(data, &["quarantine", "list"], "").lines.len(), 0);
    let all = operate(data, &["quarantine", "list", "--all"], "");
    assert_eq!(all.lines[0]["corrected"], json!(true));
}

#[test]
fn p20_a_rebuild_of_a_stopped_census_ends_with_the_same_report() {
    let data = data_folder();
    let data = data.path();
    let census = Census::embedded(data);
    census.succeeded(&census.post("/submit/2000").accepted());
    let before = census.report(&json!({}));
    let refused = operate(data, &["rebuild"], "");
    assert_eq!(refused.code, Some(2), "{}", refused.errors);
    stop(census);
    let rebuilt = operate(data, &["rebuild"], "");
    assert_eq!(rebuilt.code, Some(0), "{}", rebuilt.errors);
    assert_eq!(rebuilt.lines[0]["events"], 2000);
    let census = Census::embedded(data);
    let after = census.report(&json!({}));
    for member in ["rows", "users", "events", "as_of"] {
        assert_eq!(after[member], before[member], "{member}");
    }
}

#[test]
fn p17_a_lost_log_is_repaired_from_the_kept_submits() {
    let data = data_folder();
    let data = data.path();
    let census = Census::embedded(data);
    let first = census.post("/submit/300").accepted();
    census.succeeded(&first);
    // Of an input and its retries one is published again.
    census.succeeded(&census.post(&format!("/jobs/{first}/retry")).accepted());
    let before = census.report(&json!({}));
    stop(census);
    let sound = operate(data, &["repair-log", "--yes"], "");
    assert_eq!(sound.code, Some(2), "{}", sound.errors);
    for file in std::fs::read_dir(data).unwrap() {
        let path = file.unwrap().path();
        if path
            .file_name()
            .unwrap()
            .to_string_lossy()
            .starts_with("log.sqlite")
        {
            std::fs::remove_file(path).unwrap();
        }
    }

    let census = Census::embedded(data);
    let held = census
        .post_json("/submit", &json!({"events": [event("held")]}))
        .accepted();
    let shown = projection(&census, |shown| shown["state"] == "down");
    assert!(
        shown["detail"].as_str().unwrap().contains("repair-log"),
        "{shown}"
    );
    let fresh = census.ended(&census.post("/report").accepted());
    assert_eq!(fresh["error"]["code"], "log_diverged", "{fresh}");
    stop(census);

    let asked = operate(data, &["repair-log"], "");
    assert_eq!(asked.code, Some(2));
    assert!(
        asked.errors.contains("2 submits with 301 events are kept"),
        "{}",
        asked.errors
    );
    assert!(asked.errors.contains("300 events now"), "{}", asked.errors);
    let repaired = operate(data, &["repair-log", "--yes"], "");
    assert_eq!(repaired.code, Some(0), "{}", repaired.errors);

    let census = Census::embedded(data);
    census.succeeded(&held);
    projection(&census, |shown| shown["state"] == "up");
    let after = census.report(&json!({}));
    assert_eq!(after["events"], before["events"].as_u64().unwrap() + 1);
    stop(census);
    assert_eq!(operate(data, &["repair-log", "--yes"], "").code, Some(2));
}

#[test]
fn p17_p20_another_topic_is_repaired_and_counted_beside_running_processes() {
    let data = data_folder();
    let flags = brokers::flags(data.path());
    let census = Census::start(flags.clone());
    let workers = Workers::start("userevents,userstats", &flags);
    let first = census.post("/submit/500").accepted();
    census.succeeded(&first);
    let before = census.report(&json!({}));
    let rebuilt = operate_with(&flags, &["rebuild"], "");
    assert_eq!(rebuilt.code, Some(0), "{}", rebuilt.errors);
    assert_eq!(rebuilt.lines[0]["events"], 500);
    let after = census.report(&json!({}));
    for member in ["rows", "users", "events"] {
        assert_eq!(after[member], before[member], "{member}");
    }
    stop(census);
    assert_eq!(workers.terminate(), Some(0));

    // To everybody it is as if the topic had been made anew.
    let file = data.path().join("census.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(
        &file,
        text.replace("kafka_topic = \"", "kafka_topic = \"another-"),
    )
    .unwrap();
    let census = Census::start(flags.clone());
    let workers = Workers::start("userevents,userstats", &flags);
    let held = census.post("/submit/10").accepted();
    let shown = projection(&census, |shown| shown["state"] == "down");
    assert!(
        shown["detail"].as_str().unwrap().contains("repair-log"),
        "{shown}"
    );
    let repaired = operate_with(&flags, &["repair-log", "--yes"], "");
    assert_eq!(repaired.code, Some(0), "{}", repaired.errors);
    // Nobody was started again, and the processes go on.
    census.succeeded(&held);
    let after = census.report(&json!({}));
    assert_eq!(after["events"], 510);
    projection(&census, |shown| shown["state"] == "up");
    drop(workers);
}
