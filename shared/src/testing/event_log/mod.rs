//! What every event log must do (steps 5 and 6), as tests that [`crate::event_log_suite!`] runs on an adapter.

pub mod publish;
pub mod read;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::ports::{EventLog, LogDelivery, LogEntry, LogReader, LogRecord, PartitionEnd};

/// How long a test waits for what must come.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// How long a test looks on while nothing may come.
pub const QUIET: Duration = Duration::from_millis(300);

/// A log of one topic that begins empty.
#[async_trait]
pub trait LogUnderTest: Send + Sync {
    /// Opens the log, at each call the same one, as another start of the program would.
    async fn open(&self) -> Arc<dyn EventLog>;
}

/// Runs the whole suite; `$subject` is an expression, evaluated for each test, that makes a [`LogUnderTest`].
#[macro_export]
macro_rules! event_log_suite {
    ($subject:expr) => {
        $crate::event_log_suite!(@tests $subject;
            publish::p17_the_topic_has_four_partitions_however_often_it_is_prepared,
            publish::nothing_published_is_nothing_answered,
            publish::the_answers_stand_in_the_order_of_the_records,
            publish::a_key_stays_in_its_partition_and_its_offsets_rise,
            publish::publishers_at_the_same_time_lose_nothing,
            publish::a_publish_that_is_given_up_doubles_nothing_and_holds_up_nobody,
            publish::p21_the_ends_count_what_was_published,
            publish::p17_a_record_is_found_at_its_place_and_nowhere_else,
            publish::p2_records_survive_another_start,
            read::records_are_read_as_they_were_published,
            read::twenty_thousand_records_make_the_round_trip,
            read::a_reader_begins_in_the_middle,
            read::a_batch_holds_no_more_than_was_asked_for,
            read::a_waiting_reader_is_woken_by_a_publish,
            read::p18_the_positions_reach_the_ends,
            read::two_readers_do_not_disturb_each_other,
            read::progress_is_shown_without_waiting,
            read::p17_an_offset_past_the_end_is_out_of_range,
        );
    };
    (@tests $subject:expr; $($topic:ident :: $test:ident,)+) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                let subject = $subject;
                $crate::testing::event_log::$topic::$test(&subject).await;
            }
        )+
    };
}

/// The value of `future`, which must come within [`PATIENCE`].
///
/// # Panics
/// When it does not come.
pub async fn within<F: Future>(what: &str, future: F) -> F::Output {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("waited {PATIENCE:?} for {what}"),
    }
}

/// Opens and prepares the log.
///
/// # Panics
/// When its server does not answer.
pub async fn prepared(subject: &dyn LogUnderTest) -> Arc<dyn EventLog> {
    let log = subject.open().await;
    within("the log to be prepared", log.prepare())
        .await
        .expect("the log can be prepared");
    log
}

/// Record number `n`, of a user of its own.
#[must_use]
pub fn record(n: usize) -> LogRecord {
    record_of(&format!("user-{n}"), n)
}

/// Record number `n`, of this user.
#[must_use]
pub fn record_of(user: &str, n: usize) -> LogRecord {
    LogRecord {
        key: Bytes::copy_from_slice(user.as_bytes()),
        headers: vec![
            ("ce_id", format!("event-{n}").into()),
            (
                "traceparent",
                "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into(),
            ),
            ("ce_note", "Zürich \"quoted\"".into()),
        ],
        value: Bytes::from(format!("{{\"n\":{n}}}")),
    }
}

/// Publishes records, all of which must be acknowledged with their place.
///
/// # Panics
/// When one is not.
pub async fn publish_all(log: &dyn EventLog, records: Vec<LogRecord>) -> Vec<(i32, i64)> {
    let answers = within("the acknowledgements", log.publish(records)).await;
    answers
        .into_iter()
        .map(|answer| {
            let LogDelivery { partition, offset } = answer.expect("the record is acknowledged");
            (
                partition,
                offset.expect("a first try is acknowledged with its offset"),
            )
        })
        .collect()
}

/// The log's ends.
///
/// # Panics
/// When it does not answer.
pub async fn ends(log: &dyn EventLog) -> Vec<PartitionEnd> {
    let mut ends = within("the ends", log.ends()).await.expect("the log answers");
    ends.sort();
    ends
}

/// A reader of all partitions from their beginnings.
///
/// # Panics
/// When the log does not answer.
pub async fn reader(log: &dyn EventLog) -> Box<dyn LogReader> {
    let beginnings = ends(log)
        .await
        .into_iter()
        .map(|end| PartitionEnd {
            next_offset: 0,
            ..end
        })
        .collect();
    reader_from(log, beginnings).await
}

/// A reader from these positions.
///
/// # Panics
/// When the log does not answer.
pub async fn reader_from(log: &dyn EventLog, from: Vec<PartitionEnd>) -> Box<dyn LogReader> {
    within("a reader", log.read(from))
        .await
        .expect("the log can be read")
}

/// Reads until `count` records have come, and no more than those.
///
/// # Panics
/// When others come, or too few.
pub async fn read_count(reader: &mut dyn LogReader, count: usize) -> Vec<LogEntry> {
    let mut entries = Vec::new();
    while entries.len() < count {
        let batch = within("records", reader.next(1_000))
            .await
            .expect("the log can be read");
        entries.extend(batch.entries);
    }
    assert_eq!(entries.len(), count, "no record is read twice");
    entries
}
