//! Step 6 at the log: what the projector may rely on.

use std::collections::BTreeMap;

use super::{
    LogUnderTest, QUIET, ends, prepared, publish_all, read_count, reader, reader_from, record, record_of,
    within,
};
use crate::ports::{LogError, PartitionEnd};

/// Key, headers, value and place come back as they went in.
pub async fn records_are_read_as_they_were_published(subject: &dyn LogUnderTest) {
    let log = prepared(subject).await;
    let places = publish_all(&*log, (0..20).map(record).collect()).await;
    let entries = read_count(&mut *reader(&*log).await, 20).await;
    for entry in entries {
        let n = places
            .iter()
            .position(|place| *place == (entry.partition, entry.offset))
            .expect("the record was published");
        let published = record(n);
        assert_eq!(entry.key, Some(published.key));
        assert_eq!(entry.value, Some(published.value));
        assert_eq!(entry.headers, published.headers.into_iter().collect());
        assert!(entry.timestamp_ms > 0);
    }
}

/// Nothing is lost, doubled or out of order in a log that is longer than a buffer.
pub async fn twenty_thousand_records_make_the_round_trip(subject: &dyn LogUnderTest) {
    const COUNT: usize = 20_000;
    let log = prepared(subject).await;
    for start in (0..COUNT).step_by(5_000) {
        publish_all(&*log, (start..start + 5_000).map(record).collect()).await;
    }
    let entries = read_count(&mut *reader(&*log).await, COUNT).await;
    let mut next: BTreeMap<i32, i64> = BTreeMap::new();
    for entry in &entries {
        let next = next.entry(entry.partition).or_default();
        assert_eq!(entry.offset, *next, "partition {}", entry.partition);
        *next += 1;
    }
    assert_eq!(next.len(), 4, "the keys are spread over all partitions");
    let mut values: Vec<_> = entries.iter().map(|entry| entry.value.clone()).collect();
    values.sort();
    values.dedup();
    assert_eq!(values.len(), COUNT);
}

/// A start offset is the first one that is read.
pub async fn a_reader_begins_in_the_middle(subject: &dyn LogUnderTest) {
    let log = prepared(subject).await;
    let places = publish_all(&*log, (0..10).map(|n| record_of("ada", n)).collect()).await;
    let (partition, offset) = places[6];
    let from = ends(&*log)
        .await
        .into_iter()
        .map(|end| PartitionEnd {
            next_offset: if end.partition == partition {
                offset
            } else {
                end.next_offset
            },
            ..end
        })
        .collect();
    let entries = read_count(&mut *reader_from(&*log, from).await, 4).await;
    let read: Vec<_> = entries.into_iter().map(|entry| entry.value).collect();
    let wanted: Vec<_> = (6..10).map(|n| Some(record_of("ada", n).value)).collect();
    assert_eq!(read, wanted);
}

/// The fold's memory is bounded by what it asks for.
pub async fn a_batch_holds_no_more_than_was_asked_for(subject: &dyn LogUnderTest) {
    let log = prepared(subject).await;
    publish_all(&*log, (0..40).map(record).collect()).await;
    let mut reader = reader(&*log).await;
    let mut count = 0;
    while count < 40 {
        let batch = within("records", reader.next(3))
            .await
            .expect("the log can be read");
        assert!(batch.entries.len() <= 3, "{} records", batch.entries.len());
        count += batch.entries.len();
    }
    assert_eq!(count, 40);
}

/// A reader at the end waits, may be dropped while it waits, and reads on when something comes.
pub async fn a_waiting_reader_is_woken_by_a_publish(subject: &dyn LogUnderTest) {
    let log = prepared(subject).await;
    let mut reader = reader(&*log).await;
    let nothing = tokio::time::timeout(QUIET, reader.next(10)).await;
    assert!(
        nothing.is_err(),
        "an empty log has nothing to tell, but told {nothing:?}"
    );
    let mut reading = tokio::spawn(async move { read_count(&mut *reader, 1).await });
    let nothing = tokio::time::timeout(QUIET, &mut reading).await;
    assert!(nothing.is_err(), "the reader waits");
    publish_all(&*log, vec![record(1)]).await;
    let entries = within("the reader", reading)
        .await
        .expect("the reader does not panic");
    assert_eq!(entries[0].value, Some(record(1).value));
}

/// P18: whoever has read everything stands at the ends, so that a bound can be reached.
pub async fn p18_the_positions_reach_the_ends(subject: &dyn LogUnderTest) {
    let log = prepared(subject).await;
    publish_all(&*log, (0..200).map(record).collect()).await;
    let ends = ends(&*log).await;
    let mut positions: BTreeMap<i32, i64> = ends.iter().map(|end| (end.partition, 0)).collect();
    let mut reader = reader(&*log).await;
    while ends.iter().any(|end| positions[&end.partition] < end.next_offset) {
        let batch = within("the positions", reader.next(50))
            .await
            .expect("the log can be read");
        let moved: BTreeMap<i32, i64> = batch
            .positions
            .iter()
            .map(|position| (position.partition, position.next_offset))
            .collect();
        for entry in &batch.entries {
            assert!(
                moved[&entry.partition] > entry.offset,
                "a record lies before the position"
            );
        }
        positions.extend(moved);
    }
    for end in ends {
        assert_eq!(positions[&end.partition], end.next_offset);
    }
}

/// A second reader, of a rebuild, reads everything too.
pub async fn two_readers_do_not_disturb_each_other(subject: &dyn LogUnderTest) {
    let log = prepared(subject).await;
    publish_all(&*log, (0..100).map(record).collect()).await;
    let (mut first, mut second) = (reader(&*log).await, reader(&*log).await);
    let (mut one, mut two) = tokio::join!(read_count(&mut *first, 100), read_count(&mut *second, 100));
    one.sort_by_key(|entry| (entry.partition, entry.offset));
    two.sort_by_key(|entry| (entry.partition, entry.offset));
    assert_eq!(one, two);
}

/// The lag is shown beside the reading and changes nothing about it.
pub async fn progress_is_shown_without_waiting(subject: &dyn LogUnderTest) {
    let log = prepared(subject).await;
    publish_all(&*log, (0..10).map(record).collect()).await;
    let mut reader = reader(&*log).await;
    read_count(&mut *reader, 10).await;
    reader.show_progress(&ends(&*log).await);
    publish_all(&*log, (10..20).map(record).collect()).await;
    read_count(&mut *reader, 10).await;
}

/// P17: a log that is shorter than our position is another log.
pub async fn p17_an_offset_past_the_end_is_out_of_range(subject: &dyn LogUnderTest) {
    let log = prepared(subject).await;
    publish_all(&*log, (0..10).map(record).collect()).await;
    let mut from = ends(&*log).await;
    from[2].next_offset = 1_000;
    let mut reader = reader_from(&*log, from).await;
    match within("the refusal", reader.next(10)).await {
        Err(LogError::OutOfRange { partition, offset }) => assert_eq!((partition, offset), (2, 1_000)),
        other => panic!("the reader should refuse, and gave {other:?}"),
    }
}
