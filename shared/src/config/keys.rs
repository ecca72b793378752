//! The table of all keys: names, defaults, and what each is for.

/// One key. In the file it is `name`, in the environment [`Key::environment`].
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// In lower case, without `CENSUS_`.
    pub name: &'static str,
    /// The default as text; empty is unset.
    pub default: &'static str,
    /// What it is for.
    pub about: &'static str,
    /// Whether `api config` hides a password in it.
    pub secret: bool,
}

impl Key {
    /// The variable that sets the key.
    #[must_use]
    pub fn environment(&self) -> String {
        format!("CENSUS_{}", self.name.to_ascii_uppercase())
    }
}

const fn key(name: &'static str, default: &'static str, about: &'static str) -> Key {
    Key {
        name,
        default,
        about,
        secret: false,
    }
}

const fn secret(name: &'static str, default: &'static str, about: &'static str) -> Key {
    Key {
        name,
        default,
        about,
        secret: true,
    }
}

/// Every key, in the order in which `api config` prints them.
pub const KEYS: &[Key] = &[
    key(
        "profile",
        "embedded",
        "`embedded` (one process, no broker) or `brokers`",
    ),
    key(
        "listen",
        "127.0.0.1:8000",
        "address of the API; port 0 takes a free one",
    ),
    key(
        "workers_listen",
        "",
        "address of the workers' /healthz /readyz /metrics; unset is off",
    ),
    key("role", "userevents,userstats", "duties of a workers process"),
    key("data_dir", "./data", "folder of the SQLite files"),
    secret(
        "rabbitmq_url",
        "amqp://guest:guest@127.0.0.1:5672/%2f",
        "RabbitMQ",
    ),
    key(
        "rabbitmq_prefix",
        "census",
        "in the name of every queue and exchange",
    ),
    key(
        "kafka_brokers",
        "127.0.0.1:9092",
        "Kafka's bootstrap servers, comma-separated",
    ),
    key("kafka_topic", "user-events", "the topic of the events"),
    key(
        "kafka_accept_unfit_topic",
        "false",
        "use a topic that Kafka itself deletes records from",
    ),
    key("public_url", "", "prefixes `Location` and `links`"),
    key("log", "info", "a filter as of the crate tracing"),
    key("log_format", "text", "`text` or `json`"),
    key("max_body", "8MiB", "largest JSON body"),
    key("max_events", "10000", "most events in a JSON body"),
    key("max_stream", "4GiB", "largest streamed body"),
    key("max_line", "64KiB", "longest line of a streamed body"),
    key("body_timeout", "60s", "how long a body may go without a byte"),
    key(
        "max_text",
        "200",
        "code points of an id, a city, a state, a post code",
    ),
    key(
        "backlog_limit",
        "2000000",
        "jobs not ended above which new ones are refused",
    ),
    key(
        "disk_reserve",
        "256MiB",
        "free space below which new jobs are refused",
    ),
    key("retention", "7d", "how long a job is kept after its end"),
    key("tombstones", "30d", "how long a purged job is remembered"),
    key(
        "lease",
        "15s",
        "how long a task is a worker's without a sign of life",
    ),
    key(
        "concurrency",
        "1024",
        "attempts that a workers process executes at a time in one role",
    ),
    key(
        "prefetch",
        "1024",
        "wake-ups that it asks for ahead in one queue; up to 16 share a message and come together",
    ),
    key("shutdown_timeout", "20s", "how long a clean stop may take"),
    secret(
        "mail_url",
        "",
        "the mail server: smtps://user:password@host, or smtp://host:587?tls=required; unset is off",
    ),
    key(
        "mail_password_file",
        "",
        "a file with the password of the mail server, in place of one in the URL",
    ),
    key(
        "mail_from",
        "",
        "who sends mail, like Census <census@example.com>",
    ),
    key(
        "mail_to",
        "",
        "who gets the report of the configured schedule, comma-separated",
    ),
    key(
        "mail_allow",
        "",
        "who else may be sent reports: addresses and @domains, comma-separated",
    ),
    key(
        "report_every",
        "1h",
        "the configured schedule: a report each time this has passed, or `off`",
    ),
    key(
        "mail_subject",
        "",
        "a template for the subject of mails; unset is the one that is compiled in",
    ),
    key(
        "mail_templates",
        "",
        "a folder with report.txt and report.html, templates for mails",
    ),
];

impl Key {
    /// The key of this name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<&'static Self> {
        KEYS.iter().find(|key| key.name == name)
    }
}
