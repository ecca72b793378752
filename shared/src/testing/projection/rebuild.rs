//! A rebuild counts beside what is read, and takes its place in one transaction (P20).

use std::sync::Arc;
use std::time::Duration;

use super::{Folder, ProjectionUnderTest, WholeProjection, event, query};
use crate::job::{GroupBy, JobError, Report};
use crate::ports::{
    FoldBatch, FoldEvent, FoldPosition, LogStop, NextFold, ProjectionError, QuarantineRecord, RebuildTicket,
    RecordPlace,
};
use crate::time::Timestamp;

const PLACES: [[&str; 3]; 3] = [
    ["US", "OH", "Chagrin Falls"],
    ["US", "", "CHAGRIN falls"],
    ["DE", "", "Köln"],
];

/// Whatever the sizes of its batches; duplicates, quarantine and corrections come out the same.
pub async fn p20_a_rebuild_ends_with_the_same_reports(subject: &dyn ProjectionUnderTest) {
    let mut folder = Folder::start(subject).await;
    let log: Vec<FoldEvent> = (0..200)
        .map(|n| FoldEvent {
            replaces: (n == 150).then_some(RecordPlace {
                partition: 7,
                offset: 0,
            }),
            ..event(n % 170, &format!("user-{}", n % 40), PLACES[n as usize % 3])
        })
        .collect();
    for batch in log.chunks(60) {
        folder.fold(batch.to_vec()).await;
    }
    let aside = |offset| QuarantineRecord {
        partition: 7,
        offset,
        reason: "foreign".to_owned(),
        event_id: String::new(),
        size_bytes: 1,
        bytes: vec![b'x'],
    };
    let before = folder.projection.positions().await.expect("it answers");
    let aside_to = FoldPosition {
        partition: 7,
        ..position(2)
    };
    let to = vec![before[0].clone(), aside_to.clone()];
    folder
        .projection
        .fold(
            &folder.lease,
            FoldBatch {
                from: before.clone(),
                to,
                quarantine: vec![aside(0), aside(1)],
                ..FoldBatch::default()
            },
        )
        .await
        .expect("the batch is folded");
    let expected = reports(&folder).await;
    assert_eq!((expected[0].events, expected[0].quarantined), (170, 1));

    let mut rebuild = Rebuild::begin(subject).await;
    for batch in log.chunks(7) {
        rebuild.fold(batch.to_vec()).await.expect("it is folded");
    }
    let batch = FoldBatch {
        from: vec![position(200)],
        to: vec![before[0].clone(), aside_to],
        events: Vec::new(),
        quarantine: vec![aside(0), aside(1)],
    };
    let folded = rebuild
        .projection
        .fold_next(rebuild.ticket, batch, Some(Vec::new()))
        .await;
    assert!(folded.expect("it is folded").flipped);
    assert_eq!(reports(&folder).await, expected);
}

/// Also those that ask in the middle.
pub async fn p20_readers_see_the_counts_before_until_the_flip(subject: &dyn ProjectionUnderTest) {
    let mut folder = Folder::start(subject).await;
    folder.fold(events(0..10)).await;
    let expected = reports(&folder).await;
    let mut rebuild = Rebuild::begin(subject).await;
    for (batch, flip) in [(0..4, false), (4..12, true)] {
        assert_eq!(reports(&folder).await, expected);
        rebuild.fold(events(batch)).await.expect("it is folded");
        assert_eq!(rebuild.flip(Vec::new()).await, flip);
    }
    assert_eq!(folder.report(query(GroupBy::City)).await.events, 12);
    let positions = folder.projection.positions().await.expect("it answers");
    assert_eq!(positions[0].next_offset, 12);
}

/// A report never shows less than an earlier one.
pub async fn p20_nothing_flips_while_a_partition_would_step_back(subject: &dyn ProjectionUnderTest) {
    let mut folder = Folder::start(subject).await;
    folder.fold(events(0..5)).await;
    let mut rebuild = Rebuild::begin(subject).await;
    rebuild.fold(events(0..5)).await.expect("it is folded");
    folder.fold(events(5..6)).await;
    assert!(!rebuild.flip(Vec::new()).await);
    assert_eq!(folder.report(query(GroupBy::City)).await.events, 6);
    rebuild.fold(events(5..6)).await.expect("it is folded");
    assert!(rebuild.flip(Vec::new()).await);
}

/// What the log does not hold any more can never be read again.
pub async fn p20_a_partition_that_was_lost_may_step_back(subject: &dyn ProjectionUnderTest) {
    let mut folder = Folder::start(subject).await;
    folder.fold(events(0..5)).await;
    let mut rebuild = Rebuild::begin(subject).await;
    rebuild.fold(events(0..3)).await.expect("it is folded");
    assert!(!rebuild.flip(vec![1]).await);
    assert!(rebuild.flip(vec![0]).await);
    assert_eq!(folder.report(query(GroupBy::City)).await.events, 3);
}

/// Even where its positions are those of the new generation; it renews its lease and goes on from there.
pub async fn p20_a_projector_of_the_generation_before_is_fenced(subject: &dyn ProjectionUnderTest) {
    let mut folder = Folder::start(subject).await;
    folder.fold(events(0..5)).await;
    let mut rebuild = Rebuild::begin(subject).await;
    rebuild.fold(events(0..5)).await.expect("it is folded");
    assert!(rebuild.flip(Vec::new()).await);
    let refused = folder.try_fold(events(5..6)).await;
    assert!(matches!(refused, Err(ProjectionError::Fenced)));
    let renewed = folder
        .projection
        .hold_projector(&folder.lease.worker, Duration::from_secs(15))
        .await
        .expect("it answers")
        .expect("the lease is ours");
    assert_eq!(renewed.token, folder.lease.token);
    assert_eq!(renewed.generation, folder.lease.generation + 1);
    folder.lease = renewed;
    assert_eq!(folder.fold(events(4..7)).await, (2, 1));
}

/// Two rebuilds at a time would fold into the same tables.
pub async fn p20_the_last_rebuild_fences_the_ones_before(subject: &dyn ProjectionUnderTest) {
    let mut first = Rebuild::begin(subject).await;
    first.fold(events(0..5)).await.expect("it is folded");
    let mut second = Rebuild::begin(subject).await;
    assert!(matches!(
        first.fold(events(5..6)).await,
        Err(ProjectionError::Fenced)
    ));
    first
        .projection
        .abandon_rebuild(first.ticket)
        .await
        .expect("it answers");
    // It begins with nothing, and a late end of the first has taken nothing from it.
    let folded = second.fold(events(0..5)).await.expect("it is folded");
    assert_eq!(folded.outcome.applied, 5);
    assert!(second.flip(Vec::new()).await);
    assert!(matches!(
        second.fold(events(5..6)).await,
        Err(ProjectionError::Fenced)
    ));
}

/// And the next one begins with nothing.
pub async fn p20_an_abandoned_rebuild_leaves_the_counts_alone(subject: &dyn ProjectionUnderTest) {
    let mut folder = Folder::start(subject).await;
    folder.fold(events(0..5)).await;
    let expected = reports(&folder).await;
    let mut rebuild = Rebuild::begin(subject).await;
    rebuild.fold(events(0..3)).await.expect("it is folded");
    rebuild
        .projection
        .abandon_rebuild(rebuild.ticket)
        .await
        .expect("it answers");
    assert!(matches!(
        rebuild.fold(events(3..4)).await,
        Err(ProjectionError::Fenced)
    ));
    assert_eq!(reports(&folder).await, expected);
    assert_eq!(folder.fold(events(5..6)).await, (1, 0));
    let mut again = Rebuild::begin(subject).await;
    let folded = again.fold(events(0..6)).await.expect("it is folded");
    assert_eq!(folded.outcome.applied, 6);
}

/// As the projector's, its positions move by compare-and-set.
pub async fn p20_a_batch_from_elsewhere_is_fenced(subject: &dyn ProjectionUnderTest) {
    let mut rebuild = Rebuild::begin(subject).await;
    rebuild.fold(events(0..5)).await.expect("it is folded");
    rebuild.next_offset = 3;
    assert!(matches!(
        rebuild.fold(events(3..5)).await,
        Err(ProjectionError::Fenced)
    ));
}

/// What is counted then is what the log holds; the gate knows more, of the store.
pub async fn p20_a_flip_ends_the_projectors_stop(subject: &dyn ProjectionUnderTest) {
    let folder = Folder::start(subject).await;
    let stop = LogStop {
        code: JobError::LOG_DIVERGED,
        cause: "another log".to_owned(),
        since: Timestamp::from_millis(0),
    };
    let mut rebuild = Rebuild::begin(subject).await;
    let projection = Arc::clone(&rebuild.projection);
    projection
        .stop_projector(&folder.lease, stop.clone())
        .await
        .expect("the lease is held");
    projection.close_gate(stop.clone()).await.expect("it answers");
    rebuild.fold(events(0..1)).await.expect("it is folded");
    assert!(
        projection
            .standing()
            .await
            .expect("it answers")
            .projector
            .is_some()
    );
    assert!(rebuild.flip(Vec::new()).await);
    let standing = projection.standing().await.expect("it answers");
    assert_eq!((standing.projector, standing.gate), (None, Some(stop)));
}

/// A rebuild of partition 0.
struct Rebuild {
    projection: Arc<dyn WholeProjection>,
    ticket: RebuildTicket,
    next_offset: i64,
}

impl Rebuild {
    async fn begin(subject: &dyn ProjectionUnderTest) -> Self {
        let projection = subject.open_all().await;
        let ticket = projection.begin_rebuild().await.expect("it answers");
        Self {
            projection,
            ticket,
            next_offset: 0,
        }
    }

    async fn fold(&mut self, events: Vec<FoldEvent>) -> Result<NextFold, ProjectionError> {
        let to = self.next_offset + i64::try_from(events.len()).expect("a batch is small");
        let batch = FoldBatch {
            from: vec![position(self.next_offset)],
            to: vec![position(to)],
            events,
            quarantine: Vec::new(),
        };
        let folded = self.projection.fold_next(self.ticket, batch, None).await?;
        self.next_offset = to;
        Ok(folded)
    }

    async fn flip(&mut self, lost: Vec<i32>) -> bool {
        self.projection
            .fold_next(self.ticket, FoldBatch::default(), Some(lost))
            .await
            .expect("the rebuild is the last one")
            .flipped
    }
}

async fn reports(folder: &Folder) -> Vec<Report> {
    let mut reports = Vec::new();
    for group_by in [GroupBy::City, GroupBy::State, GroupBy::Country] {
        reports.push(folder.report(query(group_by)).await);
    }
    reports
}

fn events(ordinals: std::ops::Range<u64>) -> Vec<FoldEvent> {
    ordinals
        .map(|n| event(n, &format!("user-{n}"), PLACES[n as usize % 3]))
        .collect()
}

fn position(next_offset: i64) -> FoldPosition {
    FoldPosition {
        partition: 0,
        next_offset,
        last: None,
    }
}
