//! Real brokers for tests: those named in the environment, else a pair that lives as long as the test process.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;

use uuid::Uuid;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../.ci/brokers");

/// RabbitMQ and Kafka, shared by all tests of a process.
#[derive(Debug)]
pub struct Brokers {
    rabbitmq_url: String,
    kafka_brokers: String,
    /// Holds the pipe at whose end the script stops both, however this process ends.
    _script: Option<Child>,
}

impl Brokers {
    /// The brokers; the first call starts them unless `CENSUS_TEST_RABBITMQ_URL` and
    /// `CENSUS_TEST_KAFKA_BROKERS` name some. Blocks meanwhile.
    ///
    /// # Panics
    /// When they do not start; the script says why on stderr.
    #[must_use]
    pub fn get() -> &'static Self {
        static BROKERS: LazyLock<Brokers> =
            LazyLock::new(|| Brokers::named().unwrap_or_else(Brokers::started));
        &BROKERS
    }

    /// The URL of RabbitMQ.
    #[must_use]
    pub fn rabbitmq_url(&self) -> &str {
        &self.rabbitmq_url
    }

    /// The address of Kafka.
    #[must_use]
    pub fn kafka_brokers(&self) -> &str {
        &self.kafka_brokers
    }

    /// A prefix that no other test uses, for the names of queues and topics.
    #[must_use]
    pub fn unique_prefix(&self) -> String {
        format!("test-{}", Uuid::now_v7().simple())
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "only tests run this, and a test has no configuration but the environment"
    )]
    fn named() -> Option<Self> {
        Some(Self {
            rabbitmq_url: std::env::var("CENSUS_TEST_RABBITMQ_URL").ok()?,
            kafka_brokers: std::env::var("CENSUS_TEST_KAFKA_BROKERS").ok()?,
            _script: None,
        })
    }

    fn started() -> Self {
        let mut script = Command::new(SCRIPT)
            .arg("attached")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("`.ci/brokers` can be run");
        let stdout = script.stdout.take().expect("its stdout is a pipe");
        let mut lines = BufReader::new(stdout).lines();
        let mut value = |name: &str| {
            let line = lines
                .next()
                .unwrap_or_else(|| panic!("`.ci/brokers attached` ended before it named {name}"))
                .expect("the script writes UTF-8");
            line.strip_prefix(name)
                .and_then(|rest| rest.strip_prefix('='))
                .unwrap_or_else(|| panic!("expected {name} from `.ci/brokers attached`, got `{line}`"))
                .to_owned()
        };
        Self {
            rabbitmq_url: value("CENSUS_RABBITMQ_URL"),
            kafka_brokers: value("CENSUS_KAFKA_BROKERS"),
            _script: Some(script),
        }
    }
}
