//! Real brokers for tests: those named in the environment, else a pair that lives as long as the test process.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;

use uuid::Uuid;

use super::fault_proxy::FaultProxy;
use crate::adapters::rabbitmq::Address;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../.ci/brokers");

/// RabbitMQ and Kafka, shared by all tests of a process.
#[derive(Debug)]
pub struct Brokers {
    rabbitmq_url: String,
    kafka_brokers: String,
    /// Holds the pipe at whose end the script stops both, however this process ends.
    _script: Option<Child>,
}

/// A pair that nobody else uses: its brokers can be stopped, killed and wiped. Stopped when it is dropped.
#[derive(Debug)]
pub struct OwnBrokers {
    brokers: Brokers,
    data: PathBuf,
    kafka_proxy: SocketAddr,
    kafka_proxied: SocketAddr,
}

/// One of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broker {
    /// RabbitMQ.
    RabbitMq,
    /// Kafka.
    Kafka,
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
            LazyLock::new(|| Brokers::named().unwrap_or_else(|| attached().brokers));
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

    /// A proxy in front of RabbitMQ, and the URL that leads through it.
    ///
    /// # Panics
    /// When RabbitMQ is not at an IP address, or no port is free.
    #[must_use]
    pub fn rabbitmq_proxy(&self) -> (FaultProxy, String) {
        let target = self
            .rabbitmq_url
            .parse::<Address>()
            .expect("the URL is one")
            .to_string();
        let proxy = FaultProxy::start(target.parse().expect("tests name brokers by IP address"))
            .expect("a port is free");
        let url = self.rabbitmq_url.replace(&target, &proxy.address().to_string());
        (proxy, url)
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
}

impl OwnBrokers {
    /// Starts both. Blocks meanwhile, some six seconds.
    ///
    /// # Panics
    /// When they do not start; the script says why on stderr.
    #[must_use]
    pub fn start() -> Self {
        attached()
    }

    /// Where they are.
    #[must_use]
    pub fn addresses(&self) -> &Brokers {
        &self.brokers
    }

    /// Their data, `rabbitmq` and `kafka` each in a folder.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// A proxy in front of Kafka. Clients that begin at its address stay behind it: the broker names it to them
    /// as its own. There can be one at a time.
    ///
    /// # Panics
    /// When there is one already.
    #[must_use]
    pub fn kafka_proxy(&self) -> FaultProxy {
        FaultProxy::start_at(self.kafka_proxy, self.kafka_proxied).expect("one proxy at a time")
    }

    /// `SIGTERM`; returns when it has ended.
    pub fn stop(&self, broker: Broker) {
        self.script(&["stop", broker.name()]);
    }

    /// `SIGKILL`.
    pub fn kill(&self, broker: Broker) {
        self.script(&["kill", broker.name()]);
    }

    /// Starts it again where it was; returns when it answers.
    pub fn start_again(&self, broker: Broker) {
        self.script(&["start", broker.name()]);
    }

    /// Kills it and starts it again with an empty data folder; returns when it answers.
    pub fn wipe(&self, broker: Broker) {
        self.script(&["wipe", broker.name()]);
    }

    /// `SIGSTOP`: its sockets stay open and nobody reads them.
    pub fn pause(&self, broker: Broker) {
        self.script(&["pause", broker.name()]);
    }

    /// `SIGCONT`.
    pub fn resume(&self, broker: Broker) {
        self.script(&["resume", broker.name()]);
    }

    /// Runs RabbitMQ's own tool on the node.
    pub fn rabbitmqctl(&self, arguments: &[&str]) {
        self.script(&[&["rabbitmqctl"], arguments].concat());
    }

    /// Runs the script and waits for it; blocks.
    fn script(&self, arguments: &[&str]) {
        let (verb, rest) = arguments.split_first().expect("a verb is named");
        let done = Command::new(SCRIPT)
            .arg(verb)
            .arg("--data")
            .arg(&self.data)
            .args(rest)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .status()
            .expect("`.ci/brokers` can be run");
        assert!(done.success(), "`.ci/brokers {}` failed", arguments.join(" "));
    }
}

impl Broker {
    fn name(self) -> &'static str {
        match self {
            Self::RabbitMq => "rabbitmq",
            Self::Kafka => "kafka",
        }
    }
}

/// Runs `.ci/brokers attached` until it has said where everything is.
fn attached() -> OwnBrokers {
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
    let address = |text: String| text.parse().expect("the script names an address");
    OwnBrokers {
        brokers: Brokers {
            rabbitmq_url: value("CENSUS_RABBITMQ_URL"),
            kafka_brokers: value("CENSUS_KAFKA_BROKERS"),
            _script: Some(script),
        },
        data: PathBuf::from(value("CENSUS_BROKERS_DATA")),
        kafka_proxy: address(value("CENSUS_KAFKA_PROXY")),
        kafka_proxied: address(value("CENSUS_KAFKA_PROXIED")),
    }
}
