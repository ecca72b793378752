//! What librdkafka calls back: its logs, its errors and the delivery reports of step 5.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Message};
use rdkafka::producer::ProducerContext;
use rdkafka::statistics::Statistics;
use rdkafka::{ClientContext, TopicPartitionList};

use super::delivery::Pending;
use super::fault;
use super::health::KafkaHealth;
use crate::ports::LogDelivery;

/// What every client of the cluster tells.
#[derive(Clone)]
pub(super) struct ClientEvents {
    health: Arc<KafkaHealth>,
}

impl ClientEvents {
    pub(super) fn new(health: Arc<KafkaHealth>) -> Self {
        Self { health }
    }
}

impl ClientContext for ClientEvents {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        // It repeats itself while the cluster is away; the health speaks once for all of them.
        tracing::debug!(kafka.level = ?level, kafka.facility = facility, message, "the kafka client has a message");
    }

    fn stats(&self, statistics: Statistics) {
        if statistics.brokers.values().any(|broker| broker.state == "UP") {
            self.health.up();
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::AllBrokersDown) {
            self.health.down(reason);
        }
    }
}

impl ConsumerContext for ClientEvents {
    fn commit_callback(&self, result: Result<(), KafkaError>, _offsets: &TopicPartitionList) {
        if let Err(error) = result {
            tracing::debug!(
                error = &error as &dyn std::error::Error,
                "the lag could not be shown to kafka's tools"
            );
        }
    }
}

/// What a reader's client tells as well.
///
/// librdkafka reads on at its offset when a topic is deleted and made anew under it, whatever stands there, and says so
/// in its debug log alone. It says it before it fetches the first record of the new topic.
pub(super) struct ReaderEvents {
    pub(super) events: ClientEvents,
    /// Whether the topic is another one than at the start (P17).
    pub(super) remade: Arc<AtomicBool>,
}

impl ReaderEvents {
    fn tells_a_new_topic(message: &str) -> bool {
        // The first answer of a broker changes the id as well, from none.
        message.contains(" changed id from ") && !message.contains(" changed id from AAAAAAAAAAAAAAAAAAAAAA")
    }
}

impl ClientContext for ReaderEvents {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        if Self::tells_a_new_topic(message) {
            self.remade.store(true, Ordering::Release);
        }
        self.events.log(level, facility, message);
    }

    fn stats(&self, statistics: Statistics) {
        self.events.stats(statistics);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.events.error(error, reason);
    }
}

impl ConsumerContext for ReaderEvents {
    fn commit_callback(&self, result: Result<(), KafkaError>, offsets: &TopicPartitionList) {
        self.events.commit_callback(result, offsets);
    }
}

/// What the producer tells as well.
pub(super) struct DeliveryReports(pub(super) ClientEvents);

impl ClientContext for DeliveryReports {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.0.log(level, facility, message);
    }

    fn stats(&self, statistics: Statistics) {
        self.0.stats(statistics);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.0.error(error, reason);
    }
}

impl ProducerContext for DeliveryReports {
    type DeliveryOpaque = Box<Pending>;

    fn delivery(&self, report: &DeliveryResult<'_>, pending: Box<Pending>) {
        let answer = match report {
            Ok(message) => {
                self.0.health.up();
                Ok(LogDelivery {
                    partition: message.partition(),
                    // P21: after a lost acknowledgement there is none.
                    offset: Some(message.offset()).filter(|offset| *offset >= 0),
                })
            }
            Err((error, _)) => Err(fault::of_record(error.clone())),
        };
        pending.answer(answer);
    }
}
