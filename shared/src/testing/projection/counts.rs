//! Each event is counted once, however often and in whatever order it comes (P12, P15).

use std::sync::Arc;

use uuid::Uuid;

use super::{Folder, ProjectionUnderTest, event, query};
use crate::event::EventId;
use crate::job::GroupBy;
use crate::ports::{FoldBatch, FoldEvent, FoldPosition};

const HERE: [&str; 3] = ["US", "OH", "Chagrin Falls"];

/// The first one counts.
pub async fn p15_an_event_twice_in_one_batch_is_counted_once(subject: &dyn ProjectionUnderTest) {
    let mut folder = Folder::start(subject).await;
    let twice = vec![event(3, "a", HERE), event(4, "a", HERE), event(3, "b", HERE)];
    assert_eq!(folder.fold(twice).await, (2, 1));
    let report = folder.report(query(GroupBy::City)).await;
    assert_eq!((report.users, report.events), (1, 2));
}

/// De-duplication reaches over batches.
pub async fn p15_an_event_again_in_a_later_batch_is_counted_once(subject: &dyn ProjectionUnderTest) {
    let mut folder = Folder::start(subject).await;
    let batch = vec![event(0, "a", HERE), event(1, "b", HERE), client("c", "x")];
    assert_eq!(folder.fold(batch.clone()).await, (3, 0));
    assert_eq!(folder.fold(batch).await, (0, 3));
    let report = folder.report(query(GroupBy::City)).await;
    assert_eq!((report.users, report.events), (3, 3));
}

/// The same id of two users is two events; of one user, even in two partitions, it is one.
pub async fn p12_a_clients_id_is_unique_per_user_over_partitions(subject: &dyn ProjectionUnderTest) {
    let folder = Folder::start(subject).await;
    let mut elsewhere = client("a", "x");
    elsewhere.partition = 1;
    let to = |next_offset| {
        [0, 1]
            .map(|partition| FoldPosition {
                partition,
                next_offset,
                last: None,
            })
            .to_vec()
    };
    for (offset, events, counted) in [
        (
            0,
            vec![client("a", "x"), client("b", "x"), elsewhere.clone()],
            (2, 1),
        ),
        (1, vec![elsewhere, client("a", "y")], (1, 1)),
    ] {
        let folded = folder
            .projection
            .fold(
                &folder.lease,
                FoldBatch {
                    from: to(offset),
                    to: to(offset + 1),
                    events,
                    ..FoldBatch::default()
                },
            )
            .await
            .expect("the batch is folded");
        assert_eq!((folded.applied, folded.duplicates), counted);
    }
}

/// As when the partitions of one job are read one after the other.
pub async fn p15_ordinals_that_arrive_in_any_order_are_counted_once(subject: &dyn ProjectionUnderTest) {
    let mut folder = Folder::start(subject).await;
    for first in [3, 0, 2, 1] {
        let batch: Vec<_> = (0..100).map(|n| event(first + 4 * n, "a", HERE)).collect();
        assert_eq!(folder.fold(batch.clone()).await, (100, 0));
        assert_eq!(folder.fold(batch).await, (0, 100));
    }
    let all = (0..402).rev().map(|n| event(n, "a", HERE)).collect();
    assert_eq!(folder.fold(all).await, (2, 400));
    let mut other = event(5, "a", HERE);
    other.id = EventId::Ordinal {
        root: Uuid::from_u128(2),
        ordinal: 5,
    };
    assert_eq!(folder.fold(vec![other]).await, (1, 0));
}

/// A stranger may write any number into the log.
pub async fn p15_an_ordinal_beyond_all_inputs_is_counted_once(subject: &dyn ProjectionUnderTest) {
    let mut folder = Folder::start(subject).await;
    let edge = u64::try_from(i64::MAX).expect("it is positive");
    let batch: Vec<_> = [edge - 2, edge - 1, edge, edge + 1, u64::MAX]
        .into_iter()
        .map(|ordinal| event(ordinal, "a", HERE))
        .collect();
    assert_eq!(folder.fold(batch.clone()).await, (5, 0));
    assert_eq!(folder.fold(batch).await, (0, 5));
}

/// Neither ids nor counts live in a process.
pub async fn p15_what_was_counted_is_remembered_by_another_start(subject: &dyn ProjectionUnderTest) {
    let batch = vec![event(0, "a", HERE), client("a", "x")];
    let mut folder = Folder::start(subject).await;
    folder.fold(batch.clone()).await;
    drop(folder);
    let mut folder = Folder::start(subject).await;
    assert_eq!(folder.fold(batch).await, (0, 2));
    assert_eq!(folder.report(query(GroupBy::City)).await.events, 2);
}

/// Batches as a projector makes them that is behind.
pub async fn p15_fifty_thousand_events_make_the_right_sums(subject: &dyn ProjectionUnderTest) {
    let mut folder = Folder::start(subject).await;
    let places: Arc<[String]> = (0..50).map(|n| format!("City {n:02}")).collect();
    for batch in 0..3 {
        let range = batch * 20_000..((batch + 1) * 20_000).min(50_000);
        let events: Vec<_> = range
            .map(|n: u64| {
                let city = &places[usize::try_from(n % 50).expect("it is small")];
                event(n, &format!("user {}", n % 5_000), ["US", "OH", city])
            })
            .collect();
        folder.fold(events).await;
    }
    let report = folder.report(query(GroupBy::City)).await;
    assert_eq!(
        (report.users, report.events, report.rows_total),
        (5_000, 50_000, 50)
    );
    assert!(
        report
            .rows
            .iter()
            .all(|row| row.users == 100 && row.events == 1_000)
    );
    let report = folder.report(query(GroupBy::State)).await;
    assert_eq!((report.rows[0].users, report.rows[0].events), (5_000, 50_000));
}

fn client(user: &str, id: &str) -> FoldEvent {
    let mut event = event(0, user, HERE);
    event.id = EventId::Client {
        user: user.to_owned(),
        event: id.to_owned(),
    };
    event
}
