//! The event log on Apache Kafka: written in step 5, read in step 6.
//!
//! ```text
//! publish ──▶ producer (librdkafka's threads) ──delivery reports──▶ the group's oneshot
//! ends, record_at, prepare ──▶ thread "kafka-ask" with a consumer of its own ──▶ oneshot
//! read ──▶ thread "kafka-read", one for each reader ──bounded channel──▶ LogReader::next
//! ```
//! No blocking call of the client runs on a thread of the async runtime, its destructors included.

mod ask;
mod context;
mod delivery;
mod elsewhere;
mod fault;
mod health;
mod message;
mod producer;
mod reader;
mod settings;
mod topic;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use self::ask::Asker;
use self::context::ClientEvents;
use self::health::KafkaHealth;
use self::producer::Producer;
use self::reader::KafkaReader;
use self::settings::Settings;
use crate::ports::{
    Clock, ComponentHealth, EventLog, Health, LogDelivery, LogEntry, LogError, LogReader, LogRecord,
    PartitionEnd,
};

/// How long the cluster may take to answer a question.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// One topic of a Kafka cluster.
pub struct KafkaLog {
    settings: Settings,
    health: Arc<KafkaHealth>,
    producer: Producer,
    asker: Asker,
    accept_unfit: bool,
}

impl KafkaLog {
    /// A client of the cluster at `brokers` (`host:port`, separated by commas). It returns at once although the
    /// cluster is away, and connects in the background. A record is given up well within a `lease`, so that
    /// the attempt that published it can still say so.
    ///
    /// # Errors
    /// [`LogError::Away`] when the client refuses the settings.
    pub fn connect(
        brokers: &str,
        topic: &str,
        lease: Duration,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, LogError> {
        let settings = Settings::new(brokers, topic, lease);
        let health = Arc::new(KafkaHealth::new(clock));
        let events = ClientEvents::new(Arc::clone(&health));
        Ok(Self {
            producer: Producer::new(settings.clone(), events.clone())?,
            asker: Asker::start(&settings, events)?,
            settings,
            health,
            accept_unfit: false,
        })
    }

    /// Whether a topic that would lose records is used all the same (P17): an operator's explicit wish.
    #[must_use]
    pub fn accept_unfit_topic(mut self, accept: bool) -> Self {
        self.accept_unfit = accept;
        self
    }
}

#[async_trait]
impl EventLog for KafkaLog {
    fn topic(&self) -> &str {
        &self.settings.topic
    }

    async fn prepare(&self) -> Result<u32, LogError> {
        let events = ClientEvents::new(Arc::clone(&self.health));
        match topic::prepare(&self.settings, events).await {
            Err(unfit @ LogError::Unfit { .. }) if self.accept_unfit => tracing::warn!(
                error = &unfit as &dyn std::error::Error,
                "a topic that will lose records is used, as the configuration wishes"
            ),
            prepared => prepared?,
        }
        let partitions = self.asker.partitions().await?;
        // Every partition of a topic that was just made has its leader only when it answers.
        self.asker.ends().await?;
        self.health.up();
        Ok(partitions)
    }

    async fn publish(&self, records: Vec<LogRecord>) -> Vec<Result<LogDelivery, LogError>> {
        self.producer.publish(records).await
    }

    async fn ends(&self) -> Result<Vec<PartitionEnd>, LogError> {
        let ends = self.asker.ends().await?;
        self.health.up();
        Ok(ends)
    }

    async fn read(&self, from: Vec<PartitionEnd>) -> Result<Box<dyn LogReader>, LogError> {
        let events = ClientEvents::new(Arc::clone(&self.health));
        Ok(Box::new(KafkaReader::start(&self.settings, events, &from)?))
    }

    async fn record_at(&self, partition: i32, offset: i64) -> Result<Option<LogEntry>, LogError> {
        let entry = self.asker.record_at(partition, offset).await?;
        self.health.up();
        Ok(entry)
    }
}

impl Health for KafkaLog {
    fn health(&self) -> ComponentHealth {
        self.health.now()
    }
}
