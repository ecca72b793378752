//! Kafka itself fails, or the way to it does: records may stand in the log twice, and never not at all.

use std::collections::BTreeMap;
use std::time::Duration;

use shared::adapters::kafka::KafkaLog;
use shared::ports::{EventLog, Health, LogEntry, LogError, LogRecord};
use shared::testing::brokers::Broker;
use shared::testing::event_log::{ends, prepared, publish_all, read_count, reader, record, within};
use shared::testing::fault_proxy::Vanishing;

use super::kafka::Topic;
use crate::own_brokers::{alone_with_kafka, blocking};

/// A record is given up after two thirds of it.
const LEASE: Duration = Duration::from_secs(3);

/// Publishes as an attempt does: again and again until everything is acknowledged.
async fn publish_until_acknowledged(log: &dyn EventLog, records: &[LogRecord]) {
    let publishing = async {
        loop {
            let answers = log.publish(records.to_vec()).await;
            if answers.iter().all(Result::is_ok) {
                return;
            }
            for refused in answers.into_iter().filter_map(Result::err) {
                assert!(matches!(refused, LogError::Away { .. }), "{refused:?}");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    within("the acknowledgements", publishing).await;
}

/// How often each value stands in the log.
async fn counts(log: &dyn EventLog) -> BTreeMap<Vec<u8>, usize> {
    let total: i64 = ends(log).await.iter().map(|end| end.next_offset).sum();
    let count = usize::try_from(total).expect("an end is not negative");
    let entries = read_count(&mut *reader(log).await, count).await;
    let mut counts = BTreeMap::new();
    for LogEntry { value, .. } in entries {
        *counts
            .entry(value.expect("the records have values").to_vec())
            .or_default() += 1;
    }
    counts
}

async fn until_up(log: &KafkaLog, up: bool) {
    let seen = async {
        let mut tick = tokio::time::interval(Duration::from_millis(10));
        while log.health().up != up {
            tick.tick().await;
        }
    };
    within("the health to change", seen).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_was_away_for_longer_than_a_record_is_tried_goes_on_with_everything() {
    let alone = alone_with_kafka().await;
    let topic = Topic::at(alone.brokers.addresses(), LEASE);
    let log = topic.connect();
    within("the topic", log.prepare()).await.unwrap();
    let first: Vec<_> = (0..20).map(record).collect();
    publish_all(&log, first).await;
    let mut reader = reader(&log).await;
    read_count(&mut *reader, 20).await;

    blocking(|| alone.brokers.kill(Broker::Kafka));
    let second: Vec<_> = (20..40).map(record).collect();
    // Given up twice: nobody waits for ever, and nothing is refused for good.
    let publishing = async {
        for _ in 0..2 {
            let answers = within("no delivery", log.publish(second.clone())).await;
            assert!(
                answers
                    .iter()
                    .all(|answer| matches!(answer, Err(LogError::Away { .. })))
            );
        }
    };
    let ((), ends) = tokio::join!(publishing, within("no ends", log.ends()));
    assert!(matches!(ends, Err(LogError::Away { .. })), "{ends:?}");
    until_up(&log, false).await;

    blocking(|| alone.brokers.start_again(Broker::Kafka));
    publish_until_acknowledged(&log, &second).await;
    until_up(&log, true).await;
    // The reader has outlived the outage.
    let mut seen = 0;
    while seen < 20 {
        let batch = within("records", reader.next(100)).await.unwrap();
        seen += batch.entries.len();
    }
    let counts = counts(&log).await;
    assert_eq!(counts.len(), 40, "nothing is missing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p21_a_lost_acknowledgement_may_double_a_record_and_never_loses_it() {
    let alone = alone_with_kafka().await;
    let topic = Topic::at(alone.brokers.addresses(), LEASE);
    let straight = prepared(&topic).await;
    let proxy = alone.brokers.kafka_proxy();
    let log = topic.connect_to(&proxy.address().to_string());
    let first: Vec<_> = (0..10).map(record).collect();
    publish_until_acknowledged(&log, &first).await;

    // Cut between an append and its answer: the client sends again, and the broker knows the sequence. One request is
    // under way at a time, so the answer that is lost is that of the first.
    proxy.go_half_open(Vanishing::ToClient);
    let second: Vec<_> = (10..20).map(record).collect();
    let (answers, ()) = tokio::join!(within("the answers", log.publish(second.clone())), async {
        until_appended(&*straight, 11).await;
        proxy.cut();
        proxy.heal();
    });
    for answer in answers {
        // An answer without an offset would be as good.
        answer.expect("sent again in time");
    }

    // Lost until the attempt gives up: its next try is another record to the broker.
    proxy.go_half_open(Vanishing::ToClient);
    let third: Vec<_> = (20..30).map(record).collect();
    let answers = within("the answers", log.publish(third.clone())).await;
    assert!(
        answers
            .iter()
            .all(|answer| matches!(answer, Err(LogError::Away { .. })))
    );
    proxy.heal();
    publish_until_acknowledged(&log, &third).await;

    let counts = counts(&*straight).await;
    for record in [first, second].concat() {
        assert_eq!(counts.get(&record.value[..]), Some(&1), "the broker knows it");
    }
    for record in third {
        let count = counts.get(&record.value[..]).copied().unwrap_or_default();
        assert!((1..=3).contains(&count), "{count}");
    }
}

/// Waits until the log holds at least so many records.
async fn until_appended(log: &dyn EventLog, count: i64) {
    let appended = async {
        while ends(log).await.iter().map(|end| end.next_offset).sum::<i64>() < count {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    within("the append", appended).await;
}
