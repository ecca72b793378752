//! P17 under a reader and a producer that are at work: the topic is made anew, or the log loses its end.

use std::fs::OpenOptions;
use std::time::Duration;

use shared::ports::{LogEntry, LogError, LogReader};
use shared::testing::brokers::{Broker, Brokers};
use shared::testing::event_log::{prepared, publish_all, read_count, reader, record_of, within};

use super::kafka::Topic;
use crate::own_brokers::{alone_with_kafka, blocking};

const LEASE: Duration = Duration::from_secs(15);

/// What ends a reader; every record before that must be one that it may see.
async fn end_of(reader: &mut dyn LogReader, may_see: impl Fn(&LogEntry) -> bool) -> LogError {
    let ended = async {
        loop {
            match reader.next(100).await {
                Ok(batch) => {
                    for entry in &batch.entries {
                        assert!(may_see(entry), "{entry:?}");
                    }
                }
                Err(fault) => return fault,
            }
        }
    };
    within("the reader to end", ended).await
}

/// A record of the new log, told from those of the old one.
fn is_new(entry: &LogEntry) -> bool {
    entry
        .value
        .as_ref()
        .is_some_and(|value| value.starts_with(b"{\"n\":1"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p17_a_topic_made_anew_and_shorter_ends_the_reader() {
    let topic = Topic::at(Brokers::get(), LEASE);
    let log = prepared(&topic).await;
    publish_all(&*log, (0..10).map(|n| record_of("ada", n)).collect()).await;
    let mut reader = reader(&*log).await;
    read_count(&mut *reader, 10).await;
    topic.delete().await;
    within("the topic", log.prepare()).await.unwrap();
    let fault = end_of(&mut *reader, |entry| !is_new(entry)).await;
    assert!(
        matches!(
            fault,
            LogError::Remade { .. } | LogError::OutOfRange { .. } | LogError::Away { .. }
        ),
        "{fault:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p17_a_topic_made_anew_and_longer_is_never_read_from_the_middle() {
    let topic = Topic::at(Brokers::get(), LEASE);
    let log = prepared(&topic).await;
    publish_all(&*log, (0..5).map(|n| record_of("ada", n)).collect()).await;
    let mut reader = reader(&*log).await;
    read_count(&mut *reader, 5).await;
    topic.delete().await;
    within("the topic", log.prepare()).await.unwrap();
    // The same producer, whose sequence the new topic does not know; the reader's offset is soon passed.
    let many: Vec<_> = (100..120).map(|n| record_of("ada", n)).collect();
    let published = async {
        while log.publish(many.clone()).await.iter().any(Result::is_err) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    within("the acknowledgements", published).await;
    let fault = end_of(&mut *reader, |entry| !is_new(entry)).await;
    assert!(
        matches!(fault, LogError::Remade { .. } | LogError::Away { .. }),
        "{fault:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p17_a_log_that_lost_its_end_and_grew_again_ends_the_reader() {
    let alone = alone_with_kafka().await;
    let topic = Topic::at(alone.brokers.addresses(), LEASE);
    let log = prepared(&topic).await;
    let mut places = Vec::new();
    // Each in a batch of its own, so that the end can be cut off between two.
    for n in 0..6 {
        places.extend(publish_all(&*log, vec![record_of("ada", n)]).await);
    }
    let partition = places[0].0;
    let mut reader = reader(&*log).await;
    read_count(&mut *reader, 6).await;

    blocking(|| {
        alone.brokers.kill(Broker::Kafka);
        let segment = alone.brokers.data().join(format!(
            "kafka/logs/{}-{partition}/00000000000000000000.log",
            topic.name
        ));
        let file = OpenOptions::new().write(true).open(&segment).unwrap();
        let kept = file.metadata().unwrap().len() / 2;
        file.set_len(kept).unwrap();
        alone.brokers.start_again(Broker::Kafka);
    });
    let many: Vec<_> = (100..110).map(|n| record_of("ada", n)).collect();
    let published = async {
        while log.publish(many.clone()).await.iter().any(Result::is_err) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    within("the acknowledgements", published).await;
    let fault = end_of(&mut *reader, |entry| !is_new(entry)).await;
    assert!(
        matches!(fault, LogError::OutOfRange { .. } | LogError::Away { .. }),
        "{fault:?}"
    );
}
