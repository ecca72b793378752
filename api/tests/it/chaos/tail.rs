//! The end of the log is cut off, as by a broker that had not flushed what it acknowledged: it must be noticed (P17).

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use shared::testing::brokers::Broker;

use super::say;
use super::world::{API, NAME, PROCESSES, World};
use crate::census::BOUND;

/// Cuts the end off every partition while Kafka is dead; some process has to say so at its `/readyz`.
pub(super) fn cut_off(world: &World) {
    world.brokers.kill(Broker::Kafka);
    let logs = world.brokers.data().join("kafka/logs");
    // So that Kafka believes the files rather than its notes about them.
    for note in [
        ".kafka_cleanshutdown",
        "recovery-point-offset-checkpoint",
        "replication-offset-checkpoint",
    ] {
        let _ = std::fs::remove_file(logs.join(note));
    }
    let cut = partitions(&logs)
        .iter()
        .filter(|partition| halve(partition))
        .count();
    assert!(cut > 0, "no partition holds anything in {}", logs.display());
    world.brokers.start_again(Broker::Kafka);
    let started = Instant::now();
    while !is_noticed(world) {
        assert!(
            started.elapsed() < BOUND,
            "nobody noticed that {cut} partitions have lost their end"
        );
        std::thread::park_timeout(Duration::from_millis(100));
    }
    say(&format!(
        "{cut} partitions lost their end, noticed after {:.1} s",
        started.elapsed().as_secs_f64()
    ));
}

fn is_noticed(world: &World) -> bool {
    let agent = ureq::Agent::config_builder()
        // Who has stopped for this is not ready.
        .http_status_as_error(false)
        .timeout_global(Some(BOUND))
        .build()
        .new_agent();
    (API..PROCESSES.len()).any(|process| {
        let ready = agent.get(format!("{}/readyz", world.base(process))).call();
        let text = ready.and_then(|mut ready| ready.body_mut().read_to_string());
        text.is_ok_and(|text| text.contains("diverged"))
    })
}

fn partitions(logs: &Path) -> Vec<PathBuf> {
    let folders = std::fs::read_dir(logs).expect("Kafka's folder is there");
    let folders = folders.map(|entry| entry.expect("it can be read").path());
    let of_topic = |path: &PathBuf| {
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        name.rsplit_once('-').is_some_and(|(topic, _)| topic == NAME)
    };
    folders.filter(of_topic).collect()
}

/// Keeps the first half of the partition's last segment; whatever else Kafka noted about it goes.
fn halve(partition: &Path) -> bool {
    let files = std::fs::read_dir(partition).expect("the partition's folder is there");
    let mut segments = Vec::new();
    for path in files.map(|entry| entry.expect("it can be read").path()) {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("log") => segments.push(path),
            Some("snapshot" | "index" | "timeindex") => std::fs::remove_file(&path).expect("it is there"),
            _ => {}
        }
    }
    let Some(last) = segments.into_iter().max() else {
        return false;
    };
    let file = File::options()
        .write(true)
        .open(&last)
        .expect("the segment is there");
    let length = file.metadata().expect("the segment is there").len();
    file.set_len(length / 2).expect("a file can be cut");
    length > 0
}
