//! What Census asks of librdkafka, every setting that matters named.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;

/// Bytes that wait for their acknowledgement, at most.
pub(super) const BUFFER_BYTES: u32 = 32 * 1024 * 1024;
/// For a connection that nobody answers, and between two tries (librdkafka stretches it by up to a half): a broker
/// that is back is used within five seconds.
const CONNECT_WITHIN_MS: u32 = 3_000;
const RECONNECT_WITHIN_MS: u32 = 1_000;
const _: () = assert!(CONNECT_WITHIN_MS + RECONNECT_WITHIN_MS * 3 / 2 <= 5_000);
/// The group under which Kafka's tools show the projection's lag. Nobody joins it.
const GROUP: &str = "census-projection";

/// Where the topic is, and for how long a record is tried.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) brokers: String,
    pub(super) topic: String,
    record_timeout: Duration,
}

impl Settings {
    pub(super) fn new(brokers: &str, topic: &str, lease: Duration) -> Self {
        Self {
            brokers: brokers.to_owned(),
            topic: topic.to_owned(),
            record_timeout: (lease * 2 / 3).max(Duration::from_secs(1)),
        }
    }

    /// Step 5: idempotent, acknowledged by all replicas, bounded in memory and time.
    pub(super) fn producer(&self) -> ClientConfig {
        let timeout_ms = self.record_timeout.as_millis();
        let mut config = self.client();
        config
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("message.timeout.ms", timeout_ms.to_string())
            .set("request.timeout.ms", (timeout_ms / 2).to_string())
            // While requests are under way, what comes joins the next: a wait for company only delays.
            .set("linger.ms", "0")
            // Measured with an import: an event takes an eighth of the disk, Kafka a third of the processor time and
            // the workers three quarters; a drain of single events costs the same. Every client can read it.
            .set("compression.type", "lz4")
            // With six records of a partition under way and more to send, the idempotent producer spins until they are
            // answered: a third of both processors while a queue was drained. With a request ready to go and none
            // allowed it sleeps. A broker takes the requests of one connection one after the other anyway.
            .set("max.in.flight.requests.per.connection", "1")
            .set("queue.buffering.max.kbytes", (BUFFER_BYTES / 1024).to_string())
            .set("queue.buffering.max.messages", "1000000")
            // The same partition for a key as Kafka's own tools choose.
            .set("partitioner", "murmur2_random")
            .set("statistics.interval.ms", "1000");
        config
    }

    /// Step 6: starts where it is told or not at all, stores nothing, and sees the end of each partition (P18).
    pub(super) fn consumer(&self) -> ClientConfig {
        let mut config = self.client();
        config
            .set("group.id", GROUP)
            .set("auto.offset.reset", "error")
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("enable.partition.eof", "true")
            .set("allow.auto.create.topics", "false")
            // P18: the bound is asked for by a client of the same level.
            .set("isolation.level", "read_uncommitted")
            .set("queued.max.messages.kbytes", "8192")
            .set("fetch.queue.backoff.ms", "10");
        config
    }

    /// A consumer that is told when the topic is made anew under it: only the client's debug log says so.
    pub(super) fn reader(&self) -> ClientConfig {
        let mut config = self.consumer();
        config.set("debug", "topic").set_log_level(RDKafkaLogLevel::Debug);
        config
    }

    pub(super) fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.brokers)
            .set("client.id", "census")
            // How soon a topic that was made anew is noticed where nothing fails.
            .set("topic.metadata.refresh.interval.ms", "30000")
            .set("socket.keepalive.enable", "true")
            .set("socket.timeout.ms", "10000")
            .set(
                "socket.connection.setup.timeout.ms",
                CONNECT_WITHIN_MS.to_string(),
            )
            .set("reconnect.backoff.max.ms", RECONNECT_WITHIN_MS.to_string());
        config
    }
}
