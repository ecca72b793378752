//! The limit of publishing: Kafka's own `ProducerPerformance`, as durable as Census, with records of the same
//! size in batches of the same size.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::brokers::{Brokers, kafka_libraries};

/// As Census has it; with the tool's own 16 KiB the flush of each batch is all that would be measured.
const BATCH: &str = "batch.size=1000000";

/// Kafka's own tools, for one broker.
pub(crate) struct KafkaTools {
    libraries: PathBuf,
    broker: String,
}

impl KafkaTools {
    pub(crate) fn of(brokers: &Brokers) -> Self {
        Self {
            libraries: kafka_libraries(),
            broker: brokers.kafka.clone(),
        }
    }

    /// Records a second that the tool says to have sent, to a topic of its own with as many partitions as Census'.
    pub(crate) fn producer_rate(&self, records: u64, record_bytes: usize) -> f64 {
        let topic = format!("limit-{}", uuid::Uuid::now_v7().simple());
        self.run(
            "TopicCommand",
            &[
                "--bootstrap-server",
                &self.broker,
                "--create",
                "--topic",
                &topic,
                "--partitions",
                "4",
            ],
        );
        let (records, record_bytes) = (records.to_string(), record_bytes.to_string());
        let server = format!("bootstrap.servers={}", self.broker);
        let said = self.run(
            "ProducerPerformance",
            &[
                "--topic",
                &topic,
                "--num-records",
                &records,
                "--record-size",
                &record_bytes,
                "--throughput",
                "-1",
                "--producer-props",
                &server,
                "acks=all",
                "enable.idempotence=true",
                "linger.ms=5",
                BATCH,
            ],
        );
        rate_in(&said).unwrap_or_else(|| panic!("no rate in what ProducerPerformance says: {said}"))
    }

    fn run(&self, tool: &str, arguments: &[&str]) -> String {
        let output = Command::new("java")
            .arg("-cp")
            .arg(self.libraries.join("*"))
            .arg(format!("org.apache.kafka.tools.{tool}"))
            .args(arguments)
            .stderr(Stdio::inherit())
            .output()
            .expect("Kafka runs, so there is a Java");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{tool} failed: {said}");
        said
    }
}

/// The last line is like `1000000 records sent, 123456.7 records/sec (23.5 MB/sec), …`.
fn rate_in(said: &str) -> Option<f64> {
    let total = said.lines().rfind(|line| line.contains("records sent"))?;
    let (_, rest) = total.split_once("records sent,")?;
    rest.split_whitespace().next()?.parse().ok()
}
