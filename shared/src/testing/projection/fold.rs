//! A batch is one transaction with its positions: wholly in, or not at all (P16, P18, P19).

use std::time::Duration;

use super::{Folder, ProjectionUnderTest, event, query};
use crate::job::{GroupBy, PartitionOffset, WorkerId};
use crate::ports::{FoldBatch, FoldPosition, ProjectionError, QuarantineRecord};

const HERE: [&str; 3] = ["US", "OH", "Chagrin Falls"];

/// What was rolled back must not look like a duplicate.
pub async fn p16_a_fenced_batch_changes_nothing_and_is_counted_when_it_comes_again(
    subject: &dyn ProjectionUnderTest,
) {
    let mut folder = Folder::start(subject).await;
    folder.fold(vec![event(0, "a", HERE)]).await;
    let batch = vec![event(1, "b", HERE), event(2, "c", HERE)];
    let wrong = FoldPosition {
        next_offset: 7,
        ..folder.from()
    };
    let to = FoldPosition {
        next_offset: 9,
        ..folder.from()
    };
    let quarantine = vec![QuarantineRecord {
        partition: 0,
        offset: 0,
        reason: "foreign".to_owned(),
        event_id: String::new(),
        size_bytes: 0,
        bytes: Vec::new(),
    }];
    let refused = folder
        .projection
        .fold(
            &folder.lease,
            FoldBatch {
                from: vec![wrong],
                to: vec![to],
                events: batch.clone(),
                quarantine,
            },
        )
        .await;
    assert!(matches!(refused, Err(ProjectionError::Fenced)));
    let report = folder.report(query(GroupBy::City)).await;
    assert_eq!(
        (report.events, report.as_of[0].next_offset, report.quarantined),
        (1, 1, 0)
    );
    assert_eq!(folder.fold(batch).await, (2, 0));
}

/// Its lease was taken over, and even the right positions do not help it.
pub async fn p16_a_stale_projector_is_fenced(subject: &dyn ProjectionUnderTest) {
    let mut stale = Folder::start(subject).await;
    stale.fold(vec![event(0, "a", HERE)]).await;
    subject.pass(Duration::from_secs(16));
    let successor = subject.open().await;
    let lease = successor
        .hold_projector(&WorkerId("successor".to_owned()), Duration::from_secs(15))
        .await
        .expect("the projection answers")
        .expect("the lease has lapsed");
    let batch = vec![event(1, "b", HERE)];
    let refused = stale.try_fold(batch.clone()).await;
    assert!(matches!(refused, Err(ProjectionError::Fenced)));
    let to = FoldPosition {
        next_offset: 2,
        ..stale.from()
    };
    let folded = successor
        .fold(
            &lease,
            FoldBatch {
                from: vec![stale.from()],
                to: vec![to],
                events: batch,
                ..FoldBatch::default()
            },
        )
        .await
        .expect("the successor folds");
    assert_eq!(folded.applied, 1);
}

/// No row is the offset 0.
pub async fn a_projection_begins_without_positions(subject: &dyn ProjectionUnderTest) {
    let projection = subject.open().await;
    assert_eq!(projection.positions().await.expect("the projection answers"), []);
    assert_eq!(
        projection.projector().await.expect("the projection answers"),
        None
    );
}

/// With what is known of the last record (P17).
pub async fn positions_survive_another_start(subject: &dyn ProjectionUnderTest) {
    let folder = Folder::start(subject).await;
    let to = vec![
        position(0, 5, Some((4, "j:1/4".to_owned(), 1_700))),
        position(3, 2, Some((0, String::new(), 1_701))),
    ];
    let from = vec![position(3, 0, None), position(0, 0, None)];
    folder
        .projection
        .fold(
            &folder.lease,
            FoldBatch {
                from,
                to: to.clone(),
                ..FoldBatch::default()
            },
        )
        .await
        .expect("the batch is folded");
    drop(folder);
    let again = subject.open().await;
    assert_eq!(again.positions().await.expect("the projection answers"), to);
    let as_of = again
        .report(query(GroupBy::City))
        .await
        .expect("the report is read")
        .as_of;
    let expected = [(0, 5), (3, 2)].map(|(partition, next_offset)| PartitionOffset {
        topic: "user-events".to_owned(),
        partition,
        next_offset,
    });
    assert_eq!(as_of, expected);
}

/// The position moves over records that are not messages.
pub async fn p18_a_batch_without_records_keeps_the_last_record(subject: &dyn ProjectionUnderTest) {
    let mut folder = Folder::start(subject).await;
    folder.fold(vec![event(0, "a", HERE)]).await;
    let before = folder
        .projection
        .positions()
        .await
        .expect("the projection answers");
    folder
        .projection
        .fold(
            &folder.lease,
            FoldBatch {
                from: before.clone(),
                to: vec![position(0, 9, None)],
                ..FoldBatch::default()
            },
        )
        .await
        .expect("the batch is folded");
    let after = folder
        .projection
        .positions()
        .await
        .expect("the projection answers");
    assert_eq!(after, [position(0, 9, before[0].last.clone())]);
}

/// However large it is, and however often it comes.
pub async fn p19_a_record_in_quarantine_is_reported_once(subject: &dyn ProjectionUnderTest) {
    let folder = Folder::start(subject).await;
    let record = |offset| QuarantineRecord {
        partition: 0,
        offset,
        reason: "no ce_type".to_owned(),
        event_id: String::new(),
        size_bytes: 100_000,
        bytes: vec![b'x'; 100_000],
    };
    folder
        .projection
        .fold(
            &folder.lease,
            FoldBatch {
                from: vec![position(0, 0, None)],
                to: vec![position(0, 2, None)],
                quarantine: vec![record(0), record(1), record(1)],
                ..FoldBatch::default()
            },
        )
        .await
        .expect("the batch is folded");
    assert_eq!(folder.report(query(GroupBy::City)).await.quarantined, 2);
}

fn position(partition: i32, next_offset: i64, last: Option<(i64, String, i64)>) -> FoldPosition {
    FoldPosition {
        partition,
        next_offset,
        last,
    }
}
