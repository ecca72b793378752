//! The flags that both binaries share.

use std::path::PathBuf;

use clap::Args;

/// Flags that stand for keys; each wins over file and environment.
#[derive(Args, Clone, Debug, Default)]
pub struct Flags {
    /// A TOML file with keys as `api config` prints them.
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
    /// `embedded` (one process, no broker) or `brokers`.
    #[arg(long, value_name = "NAME", global = true)]
    profile: Option<String>,
    /// Folder of the SQLite files.
    #[arg(long, value_name = "FOLDER", global = true)]
    data_dir: Option<String>,
    /// Where to listen; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", global = true)]
    listen: Option<String>,
    /// RabbitMQ, like `amqp://guest:guest@127.0.0.1:5672/%2f`.
    #[arg(long, value_name = "URL", global = true)]
    rabbitmq_url: Option<String>,
    /// Kafka's bootstrap servers, comma-separated.
    #[arg(long, value_name = "ADDRESSES", global = true)]
    kafka_brokers: Option<String>,
}

impl Flags {
    /// The keys that were set; `listen_key` is what `--listen` means to this binary.
    pub fn set(&self, listen_key: &'static str) -> impl Iterator<Item = (&'static str, String)> {
        [
            ("profile", &self.profile),
            ("data_dir", &self.data_dir),
            (listen_key, &self.listen),
            ("rabbitmq_url", &self.rabbitmq_url),
            ("kafka_brokers", &self.kafka_brokers),
        ]
        .into_iter()
        .filter_map(|(key, value)| Some((key, value.clone()?)))
        .collect::<Vec<_>>()
        .into_iter()
    }
}
