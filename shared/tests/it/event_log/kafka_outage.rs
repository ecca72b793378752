//! The Kafka log where brokers fail: no broker is needed to see that none answers, and a mock of one can go.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::mocking::MockCluster;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use shared::adapters::kafka::KafkaLog;
use shared::adapters::system::SystemClock;
use shared::ports::{EventLog, Health, LogError};
use shared::testing::event_log::{publish_all, read_count, reader, record, within};

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_is_away_fails_records_and_shows_in_the_health() {
    // Nothing listens at the port of a listener that was closed again.
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let brokers = closed.local_addr().unwrap().to_string();
    drop(closed);
    let lease = Duration::from_secs(3);
    let log = KafkaLog::connect(&brokers, "user-events", lease, Arc::new(SystemClock)).unwrap();
    let answers = within("no delivery", log.publish(vec![record(0), record(1)])).await;
    assert_eq!(answers.len(), 2);
    for answer in answers {
        assert!(matches!(answer, Err(LogError::Away { .. })), "{answer:?}");
    }
    let (prepared, ends, record) = tokio::join!(
        within("no topic", log.prepare()),
        within("no ends", log.ends()),
        within("no record", log.record_at(0, 0)),
    );
    assert!(matches!(prepared, Err(LogError::Away { .. })), "{prepared:?}");
    assert!(matches!(ends, Err(LogError::Away { .. })), "{ends:?}");
    assert!(matches!(record, Err(LogError::Away { .. })), "{record:?}");
    let health = log.health();
    assert_eq!((health.name, health.up), ("kafka", false));
    assert!(health.detail.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_shows_in_the_health_and_passes() {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("user-events", 4, 1).unwrap();
    let lease = Duration::from_secs(3);
    let brokers = cluster.bootstrap_servers();
    let log = KafkaLog::connect(&brokers, "user-events", lease, Arc::new(SystemClock)).unwrap();
    publish_all(&log, vec![record(0)]).await;
    assert!(log.health().up);
    let mut reader = reader(&log).await;
    read_count(&mut *reader, 1).await;
    let reading = tokio::spawn(async move { read_count(&mut *reader, 1).await });
    cluster.broker_down(1).unwrap();
    until_health_is(&log, false).await;
    let answers = within("the answer", log.publish(vec![record(1)])).await;
    assert!(matches!(answers[0], Err(LogError::Away { .. })), "{answers:?}");
    cluster.broker_up(1).unwrap();
    until_health_is(&log, true).await;
    publish_all(&log, vec![record(2)]).await;
    let read = within("the waiting reader", reading)
        .await
        .expect("an outage does not end a reader");
    assert_eq!(read[0].value, Some(record(2).value));
}

async fn until_health_is(log: &KafkaLog, up: bool) {
    let mut look = tokio::time::interval(Duration::from_millis(10));
    within("the health", async {
        while log.health().up != up {
            look.tick().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_producer_that_died_is_replaced() {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("user-events", 4, 1).unwrap();
    let lease = Duration::from_secs(3);
    let brokers = cluster.bootstrap_servers();
    let log = KafkaLog::connect(&brokers, "user-events", lease, Arc::new(SystemClock)).unwrap();
    publish_all(&log, vec![record(0)]).await;
    // To an idempotent producer this is the end of its life.
    cluster.request_errors(
        RDKafkaApiKey::Produce,
        &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER],
    );
    let answers = within("the answer", log.publish(vec![record(1)])).await;
    assert!(matches!(answers[0], Err(LogError::Away { .. })), "{answers:?}");
    publish_all(&log, vec![record(1)]).await;
    let mut reader = reader(&log).await;
    read_count(&mut *reader, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p21_an_acknowledgement_without_an_offset_is_one() {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("user-events", 4, 1).unwrap();
    let lease = Duration::from_secs(3);
    let brokers = cluster.bootstrap_servers();
    let log = KafkaLog::connect(&brokers, "user-events", lease, Arc::new(SystemClock)).unwrap();
    publish_all(&log, vec![record(0)]).await;
    // As when the first answer was lost, and the broker knows no more where the record stands.
    cluster.request_errors(
        RDKafkaApiKey::Produce,
        &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_DUPLICATE_SEQUENCE_NUMBER],
    );
    let answers = within("the answer", log.publish(vec![record(1)])).await;
    let delivery = answers[0].as_ref().unwrap();
    assert_eq!(delivery.offset, None);
}
