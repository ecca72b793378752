//! The whole way over real RabbitMQ and Kafka, with `api` and `workers` as processes of their own.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;
use shared::testing::brokers::Brokers;

use crate::census::{BOUND, Census, Workers, data_folder};

pub(crate) fn flags(data: &Path) -> Vec<String> {
    flags_of(data, &Brokers::get().unique_prefix())
}

/// Flags of processes over the shared brokers, whose queues and topic have this name.
pub(crate) fn flags_of(data: &Path, name: &str) -> Vec<String> {
    let brokers = Brokers::get();
    // Names of their own, in a file: two tests must not read each other's events.
    let file = data.join("census.toml");
    let text = format!("rabbitmq_prefix = \"{name}\"\nkafka_topic = \"{name}\"\nlease = \"3s\"\n");
    std::fs::write(&file, text).expect("the folder takes a file");
    [
        ("--profile", "brokers".to_owned()),
        ("--config", file.display().to_string()),
        ("--data-dir", data.display().to_string()),
        ("--rabbitmq-url", brokers.rabbitmq_url().to_owned()),
        ("--kafka-brokers", brokers.kafka_brokers().to_owned()),
    ]
    .into_iter()
    .flat_map(|(flag, value)| [flag.to_owned(), value])
    .collect()
}

#[test]
fn two_roles_in_two_processes_do_the_whole_way() {
    let data = data_folder();
    let flags = flags(data.path());
    // Start order does not matter: the job is accepted before anybody can do it.
    let census = Census::start(flags.clone());
    let early = census.post("/submit/100").accepted();
    let events = Workers::start("userevents", &flags);
    let stats = Workers::start("userstats", &flags);
    let job = census.succeeded(&early);
    assert_eq!(job["progress"]["published"], 100);
    let partitions = job["receipts"].as_array().unwrap().len();
    assert!((1..=4).contains(&partitions), "{job}");
    let report = census.report(&json!({"after": [early]}));
    assert_eq!(report["events"], 100);
    assert_eq!(events.terminate(), Some(0));
    assert_eq!(stats.terminate(), Some(0));
    assert_eq!(census.terminate(), Some(0));
}

#[test]
fn killed_workers_are_replaced_and_nothing_is_counted_twice() {
    let data = data_folder();
    let flags = flags(data.path());
    let census = Census::start(flags.clone());
    let first = Workers::start("userevents,userstats", &flags);
    let second = Workers::start("userevents,userstats", &flags);
    let jobs: Vec<_> = (0..20).map(|_| census.post("/submit/2000").accepted()).collect();
    census.succeeded(&jobs[0]);
    first.kill();
    for id in &jobs {
        census.succeeded(id);
    }
    let report = census.report(&json!({}));
    assert_eq!(report["events"], 40_000, "the one that is left projects");
    drop(second);
}

#[test]
fn jobs_are_accepted_while_the_brokers_are_away() {
    let data = data_folder();
    let nowhere = [
        ("--profile", "brokers".to_owned()),
        ("--data-dir", data.path().display().to_string()),
        ("--rabbitmq-url", "amqp://guest:guest@127.0.0.1:9/%2f".to_owned()),
        ("--kafka-brokers", "127.0.0.1:9".to_owned()),
    ];
    let flags = nowhere
        .into_iter()
        .flat_map(|(flag, value)| [flag.to_owned(), value])
        .collect();
    let census = Census::start(flags);
    let id = census.post("/submit/10").accepted();
    assert_eq!(census.get(&format!("/jobs/{id}")).json()["state"], "queued");
    let started = Instant::now();
    loop {
        let answer = census.get("/readyz");
        assert_eq!(answer.status, 200, "an api serves without brokers");
        let ready = answer.json();
        let down = ready["components"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|c| c["state"] == "down")
            .count();
        if ready["status"] == "degraded" && down >= 2 {
            break;
        }
        assert!(started.elapsed() < BOUND, "{ready}");
        std::thread::park_timeout(Duration::from_millis(50));
    }
    let cancelled = census.post(&format!("/jobs/{id}/cancel"));
    assert_eq!(
        (cancelled.status, &cancelled.json()["state"]),
        (200, &json!("cancelled"))
    );
}
