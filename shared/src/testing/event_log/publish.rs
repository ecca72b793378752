//! Step 5 at the log: what a publisher may rely on.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::{LogUnderTest, QUIET, ends, prepared, publish_all, reader, record, record_of, within};
use crate::ports::EventLog;

/// P17: another start of the program finds the topic as the first has made it.
pub async fn p17_the_topic_has_four_partitions_however_often_it_is_prepared(subject: &dyn LogUnderTest) {
    for _ in 0..2 {
        let log = subject.open().await;
        let partitions = within("the log to be prepared", log.prepare())
            .await
            .expect("the log can be prepared");
        assert_eq!(partitions, 4);
        assert_eq!(ends(&*log).await.len(), 4);
    }
}

/// An empty call is answered at once.
pub async fn nothing_published_is_nothing_answered(subject: &dyn LogUnderTest) {
    let log = prepared(subject).await;
    assert!(within("no answers", log.publish(Vec::new())).await.is_empty());
}

/// Each answer belongs to the record at its place.
pub async fn the_answers_stand_in_the_order_of_the_records(subject: &dyn LogUnderTest) {
    let log = prepared(subject).await;
    let places = publish_all(&*log, (0..200).map(record).collect()).await;
    assert_eq!(places.len(), 200);
    for (n, (partition, offset)) in places.into_iter().enumerate() {
        let entry = within("the record", log.record_at(partition, offset))
            .await
            .expect("the log answers")
            .expect("the record is there");
        assert_eq!(entry.key, Some(record(n).key));
        assert_eq!(entry.value, Some(record(n).value));
    }
}

/// A user's events keep their order, also over several calls.
pub async fn a_key_stays_in_its_partition_and_its_offsets_rise(subject: &dyn LogUnderTest) {
    let log = prepared(subject).await;
    let users = ["ada", "grace", "edsger", "barbara", "donald", "李"];
    let mut last: BTreeMap<&str, (i32, i64)> = BTreeMap::new();
    for call in 0..3 {
        let records = (0..60).map(|n| record_of(users[n % users.len()], call * 60 + n));
        let places = publish_all(&*log, records.collect()).await;
        for (n, (partition, offset)) in places.into_iter().enumerate() {
            let user = users[n % users.len()];
            if let Some((known_partition, known_offset)) = last.insert(user, (partition, offset)) {
                assert_eq!(partition, known_partition, "{user}");
                assert!(offset > known_offset, "{user}");
            }
        }
    }
}

/// Calls do not wait for each other, and each is answered with places of its own.
pub async fn publishers_at_the_same_time_lose_nothing(subject: &dyn LogUnderTest) {
    let log = prepared(subject).await;
    let calls = (0..20).map(|call| {
        let log = log.clone();
        tokio::spawn(
            async move { publish_all(&*log, (0..50).map(|n| record(call * 50 + n)).collect()).await },
        )
    });
    let calls: Vec<_> = calls.collect();
    let mut places = Vec::new();
    for call in calls {
        places.extend(call.await.expect("the publisher does not panic"));
    }
    places.sort_unstable();
    places.dedup();
    assert_eq!(places.len(), 1_000);
}

/// A holder whose lease was lost goes away in the middle of its records.
pub async fn a_publish_that_is_given_up_doubles_nothing_and_holds_up_nobody(subject: &dyn LogUnderTest) {
    let log = prepared(subject).await;
    {
        let given_up = log.publish((1..12_000).map(record).collect());
        tokio::pin!(given_up);
        // Begun, and dropped wherever it stands.
        tokio::select! {
            biased;
            _ = &mut given_up => {}
            () = tokio::task::yield_now() => {}
        }
    }
    let (partition, offset) = publish_all(&*log, vec![record(0)]).await[0];
    assert!(
        within("the record", log.record_at(partition, offset))
            .await
            .expect("the log answers")
            .is_some()
    );
    let mut values = until_quiet(&*log).await;
    let count = values.len();
    values.sort();
    values.dedup();
    assert_eq!(values.len(), count, "no record stands twice");
}

/// What the log holds once it grows no more.
async fn until_quiet(log: &dyn EventLog) -> Vec<Option<Bytes>> {
    let mut reader = reader(log).await;
    let mut values = Vec::new();
    while let Ok(batch) = tokio::time::timeout(QUIET, reader.next(1_000)).await {
        let entries = batch.expect("the log can be read").entries;
        values.extend(entries.into_iter().map(|entry| entry.value));
    }
    values
}

/// P21: the bound of a report covers all that was acknowledged before.
pub async fn p21_the_ends_count_what_was_published(subject: &dyn LogUnderTest) {
    let log = prepared(subject).await;
    let before = ends(&*log).await;
    assert_eq!(
        before
            .iter()
            .map(|end| (end.partition, end.next_offset))
            .collect::<Vec<_>>(),
        [(0, 0), (1, 0), (2, 0), (3, 0)]
    );
    let mut expected: BTreeMap<i32, i64> = (0..4).map(|partition| (partition, 0)).collect();
    for (partition, offset) in publish_all(&*log, (0..100).map(record).collect()).await {
        let end = expected.entry(partition).or_default();
        *end = (*end).max(offset + 1);
    }
    let after: BTreeMap<i32, i64> = ends(&*log)
        .await
        .into_iter()
        .map(|end| (end.partition, end.next_offset))
        .collect();
    assert_eq!(after, expected);
    assert_eq!(after.values().sum::<i64>(), 100);
}

/// P17: the checks at start tell a record from none.
pub async fn p17_a_record_is_found_at_its_place_and_nowhere_else(subject: &dyn LogUnderTest) {
    let log = prepared(subject).await;
    let places = publish_all(&*log, (0..3).map(|n| record_of("ada", n)).collect()).await;
    let (partition, offset) = places[1];
    let entry = within("the record", log.record_at(partition, offset))
        .await
        .expect("the log answers")
        .expect("the record is there");
    assert_eq!((entry.partition, entry.offset), (partition, offset));
    assert_eq!(entry.value, Some(record_of("ada", 1).value));
    for (partition, offset) in [(partition, 3), (partition, 1_000), ((partition + 1) % 4, 0)] {
        let found = within("the answer", log.record_at(partition, offset))
            .await
            .expect("the log answers");
        assert_eq!(found, None, "partition {partition}, offset {offset}");
    }
}

/// P2: what was acknowledged is there after another start, and offsets go on.
pub async fn p2_records_survive_another_start(subject: &dyn LogUnderTest) {
    let log = prepared(subject).await;
    let (partition, offset) = publish_all(&*log, vec![record_of("ada", 0)]).await[0];
    drop(log);
    let log = prepared(subject).await;
    let entry = within("the record", log.record_at(partition, offset))
        .await
        .expect("the log answers")
        .expect("the record is there");
    assert_eq!(entry.value, Some(record_of("ada", 0).value));
    assert_eq!(
        publish_all(&*log, vec![record_of("ada", 1)]).await,
        [(partition, offset + 1)]
    );
}
