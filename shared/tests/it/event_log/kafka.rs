//! The log on a real Kafka broker: the suite, and what only Kafka has.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use shared::adapters::kafka::KafkaLog;
use shared::adapters::system::SystemClock;
use shared::ports::{EventLog, LogError, PartitionEnd};
use shared::testing::brokers::Brokers;
use shared::testing::event_log::{
    LogUnderTest, ends, prepared, publish_all, read_count, reader, record, record_of, within,
};

const LEASE: Duration = Duration::from_secs(15);

/// A topic that no other test uses.
pub(super) struct Topic {
    brokers: String,
    pub(super) name: String,
    pub(super) lease: Duration,
}

fn topic() -> Topic {
    Topic::at(Brokers::get(), LEASE)
}

impl Topic {
    pub(super) fn at(brokers: &Brokers, lease: Duration) -> Self {
        Self {
            brokers: brokers.kafka_brokers().to_owned(),
            name: format!("{}-log", brokers.unique_prefix()),
            lease,
        }
    }

    pub(super) fn connect(&self) -> KafkaLog {
        self.connect_to(&self.brokers)
    }

    /// By another way than the straight one.
    pub(super) fn connect_to(&self, brokers: &str) -> KafkaLog {
        KafkaLog::connect(brokers, &self.name, self.lease, Arc::new(SystemClock))
            .expect("a client can be made")
    }

    fn admin(&self) -> AdminClient<DefaultClientContext> {
        ClientConfig::new()
            .set("bootstrap.servers", &self.brokers)
            .create()
            .expect("a client can be made")
    }

    /// Deletes the topic; returns when the broker knows it no more.
    pub(super) async fn delete(&self) {
        let deleted = self
            .admin()
            .delete_topics(&[&self.name], &AdminOptions::new())
            .await
            .expect("the broker answers");
        assert!(deleted.iter().all(Result::is_ok), "{deleted:?}");
    }

    /// Makes the topic as somebody else would, with these settings beside Kafka's own.
    async fn make(&self, settings: &[(&str, &str)]) {
        let admin = self.admin();
        let topic = settings.iter().fold(
            NewTopic::new(&self.name, 4, TopicReplication::Fixed(1)),
            |topic, (name, value)| topic.set(name, value),
        );
        let made = admin
            .create_topics([&topic], &AdminOptions::new())
            .await
            .expect("the broker answers");
        assert!(made.iter().all(Result::is_ok), "{made:?}");
    }

    /// Whether these are the offsets that the group has committed.
    async fn lag_is_zero_at(&self, ends: &[PartitionEnd]) -> bool {
        let (brokers, topic, ends) = (self.brokers.clone(), self.name.clone(), ends.to_vec());
        let (answer, answered) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || {
            let consumer: BaseConsumer = ClientConfig::new()
                .set("bootstrap.servers", brokers)
                .set("group.id", "census-projection")
                .create()
                .expect("the broker answers");
            let mut wanted = TopicPartitionList::new();
            for end in &ends {
                wanted.add_partition(&topic, end.partition);
            }
            let shown = consumer
                .committed_offsets(wanted, Duration::from_secs(30))
                .expect("the broker answers");
            let equal = ends.iter().all(|end| {
                shown
                    .find_partition(&topic, end.partition)
                    .expect("the broker answers")
                    .offset()
                    == Offset::Offset(end.next_offset)
            });
            let _ = answer.send(equal);
        });
        answered.await.expect("the broker answers")
    }

    /// Publishes one record to partition 0 in a transaction, which leaves a control record behind it.
    fn publish_in_transaction(&self, commit: bool) {
        let producer: BaseProducer = ClientConfig::new()
            .set("bootstrap.servers", &self.brokers)
            .set("transactional.id", &self.name)
            .create()
            .expect("the broker answers");
        let bound = Duration::from_secs(30);
        producer.init_transactions(bound).expect("the broker answers");
        producer.begin_transaction().expect("the broker answers");
        producer
            .send(
                BaseRecord::<[u8], [u8]>::to(&self.name)
                    .partition(0)
                    .payload(b"{}"),
            )
            .expect("the broker answers");
        producer.flush(bound).expect("the broker answers");
        if commit {
            producer.commit_transaction(bound).expect("the broker answers");
        } else {
            producer.abort_transaction(bound).expect("the broker answers");
        }
    }
}

/// The end of partition 0 after a message and the mark of its transaction's end, which Kafka writes later.
async fn end_of_transaction(log: &dyn EventLog) -> i64 {
    within("the mark", async {
        loop {
            let end = ends(log).await[0].next_offset;
            if end == 2 {
                return end;
            }
        }
    })
    .await
}

#[async_trait]
impl LogUnderTest for Topic {
    async fn open(&self) -> Arc<dyn EventLog> {
        Arc::new(self.connect())
    }
}

shared::event_log_suite!(topic());

#[tokio::test(flavor = "multi_thread")]
async fn p17_a_topic_that_forgets_is_unfit_and_the_message_says_how_to_mend_it() {
    for (setting, value) in [
        ("retention.ms", "604800000"),
        ("retention.bytes", "1000000"),
        ("cleanup.policy", "compact"),
    ] {
        let topic = topic();
        let mut settings = vec![
            ("cleanup.policy", "delete"),
            ("retention.ms", "-1"),
            ("retention.bytes", "-1"),
        ];
        settings.retain(|(name, _)| *name != setting);
        settings.push((setting, value));
        topic.make(&settings).await;
        match within("the check", topic.connect().prepare()).await {
            Err(LogError::Unfit { topic: name, reason }) => {
                assert_eq!(name, topic.name);
                assert!(reason.contains(&format!("{setting} is {value}")), "{reason}");
                assert!(reason.contains("kafka-configs.sh"), "{reason}");
            }
            other => panic!("{setting}={value} should be unfit, not {other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p17_an_unfit_topic_is_used_where_the_operator_wishes_it() {
    let topic = topic();
    topic.make(&[("retention.ms", "604800000")]).await;
    let log = topic.connect().accept_unfit_topic(true);
    let partitions = within("the check", log.prepare()).await.unwrap();
    assert!(partitions > 0);
    publish_all(&log, vec![record(0)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p17_a_topic_that_somebody_else_made_well_is_fit() {
    let topic = topic();
    topic.make(&[("retention.ms", "-1")]).await;
    let partitions = within("the check", topic.connect().prepare()).await.unwrap();
    assert_eq!(partitions, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn p18_the_position_passes_records_that_are_no_messages() {
    for commit in [true, false] {
        let topic = topic();
        let log = prepared(&topic).await;
        let mut reader = reader(&*log).await;
        topic.publish_in_transaction(commit);
        let end = end_of_transaction(&*log).await;
        let mut position = 0;
        while position < end {
            let batch = within("the position", reader.next(10)).await.unwrap();
            if let Some(moved) = batch.positions.iter().find(|moved| moved.partition == 0) {
                position = moved.next_offset;
            }
        }
        assert_eq!(position, end);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_begins_at_a_control_record_passes_it() {
    let topic = topic();
    let log = prepared(&topic).await;
    topic.publish_in_transaction(true);
    end_of_transaction(&*log).await;
    let mut from = ends(&*log).await;
    from[0].next_offset = 1;
    let mut reader = within("a reader", log.read(from)).await.unwrap();
    let batch = within("the position", reader.next(10)).await.unwrap();
    assert!(batch.entries.is_empty());
    assert_eq!(batch.positions.len(), 1);
    assert_eq!(
        (batch.positions[0].partition, batch.positions[0].next_offset),
        (0, 2)
    );
    assert_eq!(log.record_at(0, 1).await.unwrap(), None, "a mark is no record");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publisher_waits_for_room_in_a_full_buffer() {
    let topic = topic();
    let log = prepared(&topic).await;
    // Three times what the buffer holds.
    let large = "x".repeat(100_000);
    let records: Vec<_> = (0..1_000)
        .map(|n| {
            let mut record = record(n);
            record.value = large.clone().into();
            record
        })
        .collect();
    publish_all(&*log, records).await;
    let total: i64 = ends(&*log).await.iter().map(|end| end.next_offset).sum();
    assert_eq!(total, 1_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_the_log_cannot_take_is_refused_alone() {
    let topic = topic();
    let log = prepared(&topic).await;
    let mut large = record(1);
    large.value = vec![b'x'; 2_000_000].into();
    let mut records: Vec<_> = (0..200).map(record).collect();
    records[100] = large;
    let answers = within("the answers", log.publish(records)).await;
    assert_eq!(answers.len(), 200);
    for (n, answer) in answers.iter().enumerate() {
        let refused = matches!(answer, Err(LogError::Refused { .. }));
        assert_eq!((answer.is_ok(), refused), (n != 100, n == 100), "{n}: {answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lag_is_shown_to_kafkas_tools() {
    let topic = topic();
    let log = prepared(&topic).await;
    let mut reader = reader(&*log).await;
    // The second time comes too soon after the first, and is shown none the less.
    for time in 0..2 {
        publish_all(&*log, (0..10).map(|n| record_of("ada", 10 * time + n)).collect()).await;
        let ends = ends(&*log).await;
        read_count(&mut *reader, 10).await;
        reader.show_progress(&ends);
        within("the lag", async {
            while !topic.lag_is_zero_at(&ends).await {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_answers_is_up() {
    let topic = topic();
    let log = prepared(&topic).await;
    let health = log.health();
    assert_eq!((health.name, health.up, health.detail), ("kafka", true, None));
}
