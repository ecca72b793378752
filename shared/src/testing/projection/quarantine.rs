//! Records in quarantine are listed, and leave it when a record of the log corrects them (P19).

use super::{Folder, ProjectionUnderTest, event, query};
use crate::job::GroupBy;
use crate::ports::{FoldBatch, FoldEvent, FoldPosition, QuarantineRecord, RecordPlace};

const HERE: [&str; 3] = ["US", "OH", "Chagrin Falls"];

/// Whole, as they were put aside.
pub async fn p19_records_are_listed_in_pages_by_their_place(subject: &dyn ProjectionUnderTest) {
    let places = [(0, 1), (0, 7), (1, 0), (3, 2)];
    let records = places.map(|(partition, offset)| record(partition, offset));
    let folder = Folder::start(subject).await;
    put_aside(&folder, [records[2].clone(), records[0].clone()].to_vec(), 8).await;
    put_aside(&folder, [records[3].clone(), records[1].clone()].to_vec(), 9).await;
    let projection = subject.open_all().await;
    let mut listed = Vec::new();
    let mut after = None;
    loop {
        let page = projection.quarantined(after, 2).await.expect("it answers");
        let Some(last) = page.last() else { break };
        assert!(page.len() <= 2);
        after = Some(place(&last.record));
        listed.extend(page);
    }
    assert!(listed.iter().all(|kept| !kept.corrected));
    let listed: Vec<_> = listed.into_iter().map(|kept| kept.record).collect();
    assert_eq!(listed, records);
    let one = projection.quarantined_at(place(&records[1])).await;
    assert_eq!(
        one.expect("it answers").map(|kept| kept.record),
        Some(record(0, 7))
    );
    let none = projection.quarantined_at(at(0, 2)).await;
    assert_eq!(none.expect("it answers"), None);
}

/// A report tells how many records its counts lack, so one that was corrected is not among them.
pub async fn p19_a_corrected_record_is_counted_and_no_longer_reported(subject: &dyn ProjectionUnderTest) {
    let mut folder = Folder::start(subject).await;
    put_aside(&folder, vec![record(1, 0), record(1, 1)], 2).await;
    // The second time it counts as a duplicate.
    for counted in [(1, 0), (0, 1)] {
        assert_eq!(folder.fold(vec![correction(0, at(1, 1))]).await, counted);
        let report = folder.report(query(GroupBy::City)).await;
        assert_eq!((report.events, report.quarantined), (1, 1));
        assert_eq!(
            subject
                .open_all()
                .await
                .standing()
                .await
                .expect("it answers")
                .quarantined,
            1
        );
    }
    let projection = subject.open_all().await;
    for (offset, corrected) in [(0, false), (1, true)] {
        let kept = projection
            .quarantined_at(at(1, offset))
            .await
            .expect("it answers");
        assert_eq!(kept.map(|kept| kept.corrected), Some(corrected));
    }
}

/// Partitions are read in no order, least of all by a rebuild.
pub async fn p19_a_correction_may_be_read_before_what_it_corrects(subject: &dyn ProjectionUnderTest) {
    let mut folder = Folder::start(subject).await;
    folder.fold(vec![correction(0, at(1, 1))]).await;
    assert_eq!(folder.report(query(GroupBy::City)).await.quarantined, 0);
    put_aside(&folder, vec![record(1, 0), record(1, 1)], 2).await;
    assert_eq!(folder.report(query(GroupBy::City)).await.quarantined, 1);
}

async fn put_aside(folder: &Folder, records: Vec<QuarantineRecord>, next_offset: i64) {
    let before = folder.projection.positions().await.expect("it answers");
    let to = (0..4)
        .filter(|partition| records.iter().any(|record| record.partition == *partition))
        .map(|partition| FoldPosition {
            partition,
            next_offset,
            last: None,
        })
        .collect();
    folder
        .projection
        .fold(
            &folder.lease,
            FoldBatch {
                from: before,
                to,
                quarantine: records,
                ..FoldBatch::default()
            },
        )
        .await
        .expect("the batch is folded");
}

fn correction(ordinal: u64, replaces: RecordPlace) -> FoldEvent {
    FoldEvent {
        replaces: Some(replaces),
        ..event(ordinal, "a", HERE)
    }
}

fn record(partition: i32, offset: i64) -> QuarantineRecord {
    QuarantineRecord {
        partition,
        offset,
        reason: format!("reason {offset}"),
        event_id: format!("c:u/{offset}"),
        size_bytes: 100_000,
        bytes: vec![b'x', 0xFF],
    }
}

fn place(record: &QuarantineRecord) -> RecordPlace {
    at(record.partition, record.offset)
}

const fn at(partition: i32, offset: i64) -> RecordPlace {
    RecordPlace { partition, offset }
}
