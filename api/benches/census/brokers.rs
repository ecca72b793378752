//! RabbitMQ and Kafka of one case: real ones on ports of their own, with their data on the disk that is measured.

use std::io::{BufRead as _, BufReader, Lines};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};

use tempfile::TempDir;

use crate::ground::Ground;
use crate::progress::say;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../.ci/brokers");

/// Both brokers. They stop when this is dropped, or when this process ends in whatever way.
pub(crate) struct Brokers {
    pub(crate) rabbitmq_url: String,
    /// Kafka's address.
    pub(crate) kafka: String,
    script: Child,
    // It says more than is wanted here, and would end if nobody could read it.
    _said: Lines<BufReader<ChildStdout>>,
    // Dropped after the script has ended.
    _data: TempDir,
}

impl Brokers {
    /// Starts both, and waits until they answer.
    pub(crate) fn start(ground: &Ground) -> Self {
        say("starting RabbitMQ and Kafka");
        let data = ground.fresh();
        let mut script = Command::new(SCRIPT)
            .arg("attached")
            .env("TMPDIR", data.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("`.ci/brokers` can be run");
        let stdout = script.stdout.take().expect("its stdout is a pipe");
        let mut said = BufReader::new(stdout).lines();
        let (mut rabbitmq_url, mut kafka) = (None, None);
        while rabbitmq_url.is_none() || kafka.is_none() {
            let line = said
                .next()
                .and_then(Result::ok)
                .expect("`.ci/brokers attached` says on stderr why it ended");
            match line.split_once('=') {
                Some(("CENSUS_RABBITMQ_URL", value)) => rabbitmq_url = Some(value.to_owned()),
                Some(("CENSUS_KAFKA_BROKERS", value)) => kafka = Some(value.to_owned()),
                _ => {}
            }
        }
        Self {
            rabbitmq_url: rabbitmq_url.expect("the loop ends when it is known"),
            kafka: kafka.expect("the loop ends when it is known"),
            script,
            _said: said,
            _data: data,
        }
    }
}

impl Drop for Brokers {
    fn drop(&mut self) {
        // The end of its stdin tells the script to stop both.
        drop(self.script.stdin.take());
        let _ = self.script.wait();
    }
}

/// The folder of Kafka's programs, fetched where it is missing.
pub(crate) fn kafka_libraries() -> PathBuf {
    let output = Command::new(SCRIPT)
        .arg("kafka-libraries")
        .stderr(Stdio::inherit())
        .output()
        .expect("`.ci/brokers` can be run");
    assert!(output.status.success(), "Kafka's programs are not to be had");
    PathBuf::from(String::from_utf8_lossy(&output.stdout).trim_end())
}
