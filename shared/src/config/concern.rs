//! The typed configuration, one struct per concern.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::MailSettings;
use super::value::{Taker, address, broker_name, roles, web_address, yes_or_no};
use super::{ConfigError, Environment, Values};
use crate::job::Role;

/// Which adapters the composition root picks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// One process, no broker.
    Embedded,
    /// `api` and `workers` on one host with RabbitMQ and Kafka.
    Brokers,
}

/// Everything that an operator can set.
#[derive(Clone, Debug)]
pub struct Config {
    /// Which adapters.
    pub profile: Profile,
    /// The API's HTTP.
    pub http: HttpSettings,
    /// What a request may hold.
    pub intake: IntakeSettings,
    /// The files.
    pub store: StoreSettings,
    /// RabbitMQ and Kafka.
    pub brokers: BrokerSettings,
    /// Worker processes.
    pub workers: WorkerSettings,
    /// Mail and the configured schedule.
    pub mail: MailSettings,
    /// Logs.
    pub log: LogSettings,
}

/// The API's HTTP.
#[derive(Clone, Debug)]
pub struct HttpSettings {
    /// Where the API listens.
    pub listen: SocketAddr,
    /// Prefixes `Location` and `links`; without a slash at the end.
    pub public_url: Option<String>,
    /// Bytes of a JSON body.
    pub max_body_bytes: usize,
    /// How long a body may go without a byte.
    pub body_timeout: Duration,
}

/// What a request may hold.
#[derive(Clone, Debug)]
pub struct IntakeSettings {
    /// Events in a JSON body.
    pub max_events: usize,
    /// Bytes of a streamed body.
    pub max_stream_bytes: u64,
    /// Bytes of one line of a streamed body.
    pub max_line_bytes: usize,
    /// Code points of an id, a city, a state, a post code.
    pub max_text: usize,
}

/// The files.
#[derive(Clone, Debug)]
pub struct StoreSettings {
    /// The folder.
    pub data_dir: PathBuf,
    /// Jobs not ended above which new ones are refused.
    pub backlog_limit: u64,
    /// Free bytes below which new jobs are refused (P4).
    pub disk_reserve_bytes: u64,
    /// How long a job is kept after its end.
    pub retention: Duration,
    /// How long a purged job is remembered.
    pub tombstones: Duration,
}

/// RabbitMQ and Kafka.
#[derive(Clone)]
pub struct BrokerSettings {
    /// RabbitMQ, with its password.
    pub rabbitmq_url: String,
    /// In the name of every queue and exchange.
    pub rabbitmq_prefix: String,
    /// Kafka's bootstrap servers.
    pub kafka_brokers: String,
    /// The topic of the events, in every profile.
    pub kafka_topic: String,
    /// Whether a topic that would lose records is used all the same (P17).
    pub kafka_accept_unfit_topic: bool,
}

impl std::fmt::Debug for BrokerSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The URL holds a password.
        f.debug_struct("BrokerSettings")
            .field("rabbitmq_prefix", &self.rabbitmq_prefix)
            .field("kafka_brokers", &self.kafka_brokers)
            .field("kafka_topic", &self.kafka_topic)
            .finish_non_exhaustive()
    }
}

/// Worker processes.
#[derive(Clone, Debug)]
pub struct WorkerSettings {
    /// Where a process serves its own health and metrics.
    pub listen: Option<SocketAddr>,
    /// Its duties.
    pub roles: Vec<Role>,
    /// How long a task is a worker's without a sign of life.
    pub lease: Duration,
    /// Attempts that one process executes at a time in one role: they wait for brokers and disks, and share their
    /// flushes.
    pub concurrency: usize,
    /// Wake-ups that one process asks for ahead in one queue: as many messages up to 64, then an eighth of it, each
    /// with up to 16 wake-ups.
    pub prefetch: u16,
    /// How long a clean stop may take.
    pub shutdown_timeout: Duration,
}

/// Logs.
#[derive(Clone, Debug)]
pub struct LogSettings {
    /// A filter as of the crate tracing.
    pub filter: String,
    /// For people or for machines.
    pub format: LogFormat,
}

/// The shape of a line of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Config {
    /// The configuration in force, with the values that it was made of.
    ///
    /// # Errors
    /// [`ConfigError`] names every key whose value makes no sense.
    pub fn load(
        file: Option<&Path>,
        flags: impl IntoIterator<Item = (&'static str, String)>,
    ) -> Result<(Self, Values), ConfigError> {
        let values = Values::layered(file, &Environment::of_process()?, flags)?;
        Ok((Self::from_values(&values)?, values))
    }

    /// Gives every value its type.
    ///
    /// # Errors
    /// [`ConfigError::Values`] with all faults.
    pub fn from_values(values: &Values) -> Result<Self, ConfigError> {
        const SECOND: Duration = Duration::from_secs(1);
        const DAY: Duration = Duration::from_secs(24 * 3600);
        const KIB: u64 = 1024;
        const GIB: u64 = KIB * KIB * KIB;
        let mut from = Taker {
            values,
            faults: Vec::new(),
        };
        let config = Self {
            profile: from.take("profile", Profile::Embedded, profile),
            http: HttpSettings {
                listen: from.take("listen", SocketAddr::from(([127, 0, 0, 1], 0)), address),
                public_url: from.optional("public_url", web_address),
                max_body_bytes: from.size("max_body", KIB..=GIB) as usize,
                body_timeout: from.duration("body_timeout", SECOND..=3600 * SECOND),
            },
            intake: IntakeSettings {
                max_events: from.number("max_events", 1..=1_000_000),
                max_stream_bytes: from.size("max_stream", KIB..=1024 * GIB),
                max_line_bytes: from.size("max_line", KIB..=16 * KIB * KIB) as usize,
                // A UUID is an id, and those of the sample users are.
                max_text: from.number("max_text", 36..=10_000),
            },
            store: StoreSettings {
                data_dir: from.take("data_dir", PathBuf::new(), |text| Ok(PathBuf::from(text))),
                backlog_limit: from.number("backlog_limit", 1..=1_000_000_000),
                disk_reserve_bytes: from.size("disk_reserve", 0..=1024 * GIB),
                retention: from.duration("retention", SECOND..=3650 * DAY),
                tombstones: from.duration("tombstones", SECOND..=3650 * DAY),
            },
            brokers: BrokerSettings {
                rabbitmq_url: from.take("rabbitmq_url", String::new(), rabbitmq_url),
                rabbitmq_prefix: from.take("rabbitmq_prefix", String::new(), broker_name),
                kafka_brokers: from.take("kafka_brokers", String::new(), kafka_brokers),
                kafka_topic: from.take("kafka_topic", String::new(), broker_name),
                kafka_accept_unfit_topic: from.take("kafka_accept_unfit_topic", false, yes_or_no),
            },
            workers: WorkerSettings {
                listen: from.optional("workers_listen", address),
                roles: from.take("role", Vec::new(), roles),
                lease: from.duration("lease", SECOND..=3600 * SECOND),
                concurrency: from.number("concurrency", 1..=10_000),
                prefetch: from.number("prefetch", 1..=10_000),
                shutdown_timeout: from.duration("shutdown_timeout", SECOND..=3600 * SECOND),
            },
            mail: MailSettings::take(&mut from),
            log: LogSettings {
                filter: from.take("log", String::new(), log_filter),
                format: from.take("log_format", LogFormat::Text, log_format),
            },
        };
        if from.faults.is_empty() {
            Ok(config)
        } else {
            Err(ConfigError::Values(from.faults))
        }
    }
}

fn profile(text: &str) -> Result<Profile, String> {
    match text {
        "embedded" => Ok(Profile::Embedded),
        "brokers" => Ok(Profile::Brokers),
        "cluster" => Err("the profile `cluster` is not there yet; use `embedded` or `brokers`".to_owned()),
        _ => Err(format!(
            "`{text}` is not a profile; profiles are `embedded` and `brokers`"
        )),
    }
}

/// The text itself is not repeated: it may hold a password.
fn rabbitmq_url(text: &str) -> Result<String, String> {
    if text.strip_prefix("amqp://").is_some_and(names_host) {
        Ok(text.to_owned())
    } else {
        Err("it has to be an address like amqp://user:password@host:5672/%2f".to_owned())
    }
}

fn kafka_brokers(text: &str) -> Result<String, String> {
    let brokers: Vec<_> = text.split(',').map(str::trim).collect();
    let is_broker = |broker: &str| names_host(broker.split_once("://").map_or(broker, |(_, rest)| rest));
    if brokers.iter().all(|broker| is_broker(broker)) {
        Ok(brokers.join(","))
    } else {
        Err(format!(
            "`{text}` is not a list of servers like kafka-1:9092,kafka-2:9092"
        ))
    }
}

/// Whether a host, and if a port then one that exists, stands between credentials and path.
fn names_host(rest: &str) -> bool {
    let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    match authority.rsplit_once(':') {
        // The colon is one of an IPv6 address.
        Some(_) if authority.ends_with(']') => true,
        Some((host, port)) => !host.is_empty() && port.parse::<u16>().is_ok(),
        None => !authority.is_empty(),
    }
}

fn log_filter(text: &str) -> Result<String, String> {
    tracing_subscriber::EnvFilter::try_new(text)
        .map(|_| text.to_owned())
        .map_err(|_| format!("`{text}` is not a filter like info or info,shared=debug"))
}

fn log_format(text: &str) -> Result<LogFormat, String> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err(format!("`{text}` is not a format; formats are `text` and `json`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(flags: &[(&'static str, &str)]) -> Result<Config, ConfigError> {
        let flags = flags.iter().map(|(key, value)| (*key, (*value).to_owned()));
        Config::from_values(&Values::layered(None, &Environment::default(), flags).unwrap())
    }

    #[test]
    fn the_defaults_are_those_of_the_contract() {
        let config = load(&[]).unwrap();
        assert_eq!(config.profile, Profile::Embedded);
        assert_eq!(config.http.listen.to_string(), "127.0.0.1:8000");
        assert_eq!(config.http.max_body_bytes, 8 << 20);
        assert_eq!(config.intake.max_stream_bytes, 4 << 30);
        assert_eq!(config.workers.roles, Role::ALL);
        assert_eq!(config.workers.lease, Duration::from_secs(15));
        assert_eq!(config.store.retention, Duration::from_secs(7 * 86_400));
    }

    #[test]
    fn every_fault_is_named_at_once_with_its_key() {
        let flags = [
            ("lease", "0s"),
            ("max_body", "lots"),
            ("role", "userevents,cook"),
            ("profile", "cluster"),
        ];
        let text = load(&flags).unwrap_err().to_string();
        for key in [
            "`lease` (flag)",
            "`max_body` (flag)",
            "`role` (flag)",
            "not there yet",
        ] {
            assert!(text.contains(key), "{key} in {text}");
        }
    }

    #[test]
    fn a_bad_url_is_refused_without_repeating_its_password() {
        for url in [
            "ampq://me:secret@host",
            "amqp://me:secret@",
            "amqp://me:secret@:5672/%2f",
            "amqp://me:secret@host:99999",
        ] {
            let text = load(&[("rabbitmq_url", url)]).unwrap_err().to_string();
            assert!(!text.contains("secret"), "{text}");
        }
        for url in ["amqp://host", "amqp://me:p@ss/w@host:1/%2f", "amqp://[::1]:1/x"] {
            assert_eq!(load(&[("rabbitmq_url", url)]).unwrap().brokers.rabbitmq_url, url);
        }
    }

    #[test]
    fn kafka_is_one_server_or_more() {
        for text in ["k:9092", "k", "10.0.0.1:1,[::1]:2", "PLAINTEXT://k:9092"] {
            assert_eq!(
                load(&[("kafka_brokers", text)]).unwrap().brokers.kafka_brokers,
                text
            );
        }
        for text in ["", ",", "k:9092,", "k:99999", ":9092"] {
            let fault = load(&[("kafka_brokers", text)]).unwrap_err().to_string();
            assert!(fault.contains("`kafka_brokers`"), "{fault}");
        }
    }
}
