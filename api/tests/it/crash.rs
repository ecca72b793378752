//! `kill -9` at any moment: what was answered `202` is there, ends, and is counted once.

use serde_json::json;

use crate::census::{Census, data_folder};

#[test]
fn what_was_accepted_before_a_kill_is_finished_and_counted_once() {
    let data = data_folder();
    let mut census = Census::embedded(data.path());
    let mut accepted = Vec::new();
    // Each round is killed at another stage of the same work.
    for round in 0..5 {
        for _ in 0..10 {
            accepted.push(census.post("/submit/500").accepted());
        }
        for id in accepted.iter().rev().take(round) {
            census.ended(id);
        }
        census = census.kill_and_restart();
    }
    for id in &accepted {
        let job = census.succeeded(id);
        assert_eq!(job["progress"]["received"], 500, "{job}");
    }
    let report = census.report(&json!({}));
    assert_eq!(report["events"], accepted.len() * 500);
}

#[test]
fn a_clean_stop_exits_with_zero_and_hands_back_its_work() {
    let data = data_folder();
    let census = Census::embedded(data.path());
    let id = census.post("/submit/50000").accepted();
    assert_eq!(census.terminate(), Some(0));
    let census = Census::embedded(data.path());
    census.succeeded(&id);
    assert_eq!(census.report(&json!({}))["events"], 50_000);
}

#[test]
fn a_second_process_is_kept_out_of_the_data_folder() {
    let data = data_folder();
    let _census = Census::embedded(data.path());
    let second = std::process::Command::new(env!("CARGO_BIN_EXE_api"))
        .args(["--listen", "127.0.0.1:0", "--data-dir"])
        .arg(data.path())
        .output()
        .unwrap();
    assert_eq!(second.status.code(), Some(1));
    let text = String::from_utf8_lossy(&second.stderr);
    assert!(text.contains("in use by another process"), "{text}");
}
