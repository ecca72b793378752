//! What each step writes, in the order of a job's life; the ports' own suite is run on the store beside this.

mod bench;
mod changes;
mod rescue;
mod room;
mod together;
mod unreadable;

use self::bench::{Bench, chunk, done, finish, found, made, report, submit, task};
use crate::job::{Failure, JobError, JobFilter, JobId, JobKind, JobState, Report, TaskState};
use crate::ports::{
    AcceptStore, AttemptStore, CancelOutcome, DispatchStore, Heartbeat, HeartbeatOutcome, JobControl,
    JobReader, NewJob, Outcome, ParkCondition, Parked, PartitionEnd, Published, RejectRecord, RescueStore,
    StoreError, UploadId, Whose,
};
use crate::time::Timestamp;

#[tokio::test]
async fn a_submit_lives_from_accept_to_success() {
    let bench = Bench::new();
    let store = bench.open("boot");
    let mut feed = store.changes();
    let new = NewJob {
        chunks: vec![chunk(0), chunk(1)],
        ..submit(1)
    };
    let id = new.id;
    let accepted = made(store.accept(new).await.unwrap());
    assert_eq!((accepted.state, accepted.revision), (JobState::Queued, 1));
    let queue = JobKind::Submit.queue();
    let due = store.due(queue, 10, Whose::Ours).await.unwrap().tasks;
    assert_eq!(store.mark_sent(due).await.unwrap(), 1);
    assert_eq!(store.outstanding(queue).await.unwrap(), 1);
    let claimed = store.claim(vec![task(id, 0)], &bench.worker).await.unwrap();
    let lease = claimed[0].lease;
    assert_eq!(claimed[0].first_chunk.as_ref().unwrap().first_ordinal, 0);
    assert_eq!(
        store.input(task(id, 0), 1).await.unwrap().unwrap().first_ordinal,
        1
    );
    assert!(store.input(task(id, 0), 2).await.unwrap().is_none());
    assert!(
        store
            .claim(vec![task(id, 0)], &bench.worker)
            .await
            .unwrap()
            .is_empty()
    );
    let beat = Heartbeat { lease, published: 4 };
    assert_eq!(
        store.heartbeat(vec![beat]).await.unwrap(),
        [HeartbeatOutcome::Held]
    );
    assert_eq!(found(&store, id).await.progress.published, 4);
    let finished = finish(&store, lease, done(10)).await;
    assert_eq!(finished.job, Some(JobState::Succeeded));
    assert_eq!(finish(&store, lease, done(10)).await.task, None);
    let view = found(&store, id).await;
    assert_eq!((view.revision, view.progress.published), (4, 10));
    assert_eq!(view.attempts.len(), 1);
    assert!(view.expires_at > view.ended_at);
    assert!(store.open_jobs().await.unwrap().is_empty());
    assert!(changes::told(&mut feed).await.last().unwrap().ended);
    let states = vec![JobState::Succeeded, JobState::Failed];
    let filter = JobFilter {
        states,
        ..JobFilter::default()
    };
    assert_eq!(store.list(&filter, None, 5).await.unwrap().jobs.len(), 1);
}

#[tokio::test]
async fn p14_a_cancel_ends_what_nobody_holds_and_the_holder_ends_the_rest() {
    let bench = Bench::new();
    let store = bench.open("boot");
    let new = submit(2);
    let id = new.id;
    store.accept(new).await.unwrap();
    let claimed = store.claim(vec![task(id, 0)], &bench.worker).await.unwrap();
    assert!(matches!(
        store.cancel(id).await.unwrap(),
        CancelOutcome::Cancelling(_)
    ));
    assert!(
        store
            .claim(vec![task(id, 1)], &bench.worker)
            .await
            .unwrap()
            .is_empty()
    );
    let transient = Outcome::Failed {
        failure: Failure::Transient {
            reason: "away".into(),
        },
        published: Published::default(),
    };
    let finished = finish(&store, claimed[0].lease, transient).await;
    assert_eq!(
        (finished.task, finished.job),
        (Some(TaskState::Cancelled), Some(JobState::Cancelled))
    );
    assert!(matches!(
        store.cancel(id).await.unwrap(),
        CancelOutcome::Cancelled(_)
    ));
}

#[tokio::test]
async fn p8_another_boot_raises_the_epoch_and_voids_what_its_clock_counted() {
    let bench = Bench::new();
    let store = bench.open("first");
    let new = submit(1);
    let id = new.id;
    store.accept(new).await.unwrap();
    let lease = store.claim(vec![task(id, 0)], &bench.worker).await.unwrap()[0].lease;
    assert_eq!(store.rescue_lapsed(10).await.unwrap().tasks, 0);
    assert_eq!((store.epoch(), bench.open("first").epoch()), (1, 1));
    let second = bench.open("second");
    assert_eq!(second.epoch(), 2);
    let rescued = second.rescue_lapsed(10).await.unwrap();
    assert_eq!((rescued.tasks, rescued.woke), (1, vec![JobKind::Submit.queue()]));
    assert_eq!(finish(&second, lease, done(1)).await.task, None);
    assert_eq!(found(&second, id).await.state, JobState::Running);
}

#[tokio::test]
async fn p22_a_report_parked_on_jobs_wakes_with_the_last_of_them() {
    let bench = Bench::new();
    let store = bench.open("boot");
    let awaited = submit(1);
    let awaited_id = awaited.id;
    store.accept(awaited).await.unwrap();
    let waiting = report(vec![awaited_id, JobId::generate()]);
    let id = waiting.id;
    store.accept(waiting).await.unwrap();
    let lease = store.claim(vec![task(id, 0)], &bench.worker).await.unwrap()[0].lease;
    let parked = finish(&store, lease, Outcome::Park(Parked::default())).await;
    assert_eq!((parked.task, parked.woke), (Some(TaskState::Queued), vec![]));
    assert!(
        store
            .claim(vec![task(id, 0)], &bench.worker)
            .await
            .unwrap()
            .is_empty()
    );
    let lease = store
        .claim(vec![task(awaited_id, 0)], &bench.worker)
        .await
        .unwrap()[0]
        .lease;
    let ended = finish(&store, lease, done(10)).await;
    assert_eq!(ended.woke, [JobKind::Report.queue()]);
    let claimed = store.claim(vec![task(id, 0)], &bench.worker).await.unwrap();
    assert_eq!(claimed[0].parked, Some(Parked::default()));
    // All awaited jobs have ended: parking again is due at once.
    let again = finish(&store, claimed[0].lease, Outcome::Park(Parked::default())).await;
    assert_eq!(again.woke, [JobKind::Report.queue()]);
}

#[tokio::test]
async fn p22_a_report_parked_on_its_bound_is_found_woken_and_expired() {
    let bench = Bench::new();
    let store = bench.open("boot");
    let new = report(Vec::new());
    let id = new.id;
    store.accept(new).await.unwrap();
    let bound = vec![PartitionEnd {
        partition: 0,
        next_offset: 7,
    }];
    let parked = Parked {
        bound: Some(bound.clone()),
        condition: ParkCondition::BoundReached,
    };
    let lease = store.claim(vec![task(id, 0)], &bench.worker).await.unwrap()[0].lease;
    finish(&store, lease, Outcome::Park(parked.clone())).await;
    assert_eq!(store.parked().await.unwrap(), [(task(id, 0), bound)]);
    assert_eq!(store.wake(vec![task(id, 0)]).await.unwrap().tasks, 1);
    let claimed = store.claim(vec![task(id, 0)], &bench.worker).await.unwrap();
    assert_eq!(claimed[0].parked.as_ref(), Some(&parked));
    finish(&store, claimed[0].lease, Outcome::Park(parked)).await;
    assert_eq!(store.expire_reports().await.unwrap().tasks, 0);
    bench.clock.pass(3_600_000);
    assert_eq!(store.expire_reports().await.unwrap().tasks, 1);
    let view = found(&store, id).await;
    assert_eq!(view.state, JobState::Failed);
    assert_eq!(view.error.unwrap().code, JobError::NOT_CAUGHT_UP);
}

#[tokio::test]
async fn p1_staged_chunks_become_the_input_and_a_swept_upload_takes_no_more() {
    let bench = Bench::new();
    let store = bench.open("boot");
    let upload = UploadId(uuid::Uuid::now_v7());
    let reject = RejectRecord {
        line: 2,
        pointer: "#".into(),
        code: "bad_json",
        reason: "no JSON".into(),
        raw: "x".into(),
    };
    store.stage(upload, vec![chunk(0)], vec![reject]).await.unwrap();
    let new = NewJob {
        chunks: vec![chunk(1)],
        upload: Some(upload),
        rejected: 1,
        ..submit(1)
    };
    let id = new.id;
    store.accept(new).await.unwrap();
    assert_eq!(
        store.input(task(id, 0), 1).await.unwrap().unwrap().first_ordinal,
        1
    );
    assert_eq!(store.rejects(id, 0, 9).await.unwrap().len(), 1);
    let lapsed = UploadId(uuid::Uuid::now_v7());
    store.stage(lapsed, vec![chunk(0)], Vec::new()).await.unwrap();
    assert_eq!(store.sweep_uploads().await.unwrap(), 0);
    bench.clock.pass(3_600_000);
    assert_eq!(store.sweep_uploads().await.unwrap(), 1);
    let late = store.stage(lapsed, vec![chunk(1)], Vec::new()).await;
    assert!(matches!(late, Err(StoreError::UploadLapsed)));
    let late = store
        .accept(NewJob {
            upload: Some(lapsed),
            ..submit(1)
        })
        .await;
    assert!(matches!(late, Err(StoreError::UploadLapsed)));
}

#[tokio::test]
async fn p5_a_lost_wake_up_is_sent_again_after_two_quiet_seconds_or_a_minute_doubling() {
    let bench = Bench::new();
    let store = bench.open("boot");
    let queue = JobKind::Submit.queue();
    store.accept(submit(1)).await.unwrap();
    for (found_empty, wait_ms) in [(true, 2_000), (false, 120_000), (false, 240_000)] {
        let due = store.due(queue, 9, Whose::Ours).await.unwrap().tasks;
        assert_eq!(store.mark_sent(due.clone()).await.unwrap(), 1);
        bench.clock.pass(wait_ms - 1);
        assert_eq!(store.resend(queue, found_empty).await.unwrap(), 0);
        bench.clock.pass(1);
        assert_eq!(store.resend(queue, found_empty).await.unwrap(), 1);
        assert_eq!(
            store.mark_sent(due).await.unwrap(),
            0,
            "P6: a late mark hides nothing"
        );
    }
    assert_eq!(store.next_due(queue).await.unwrap(), None);
}

#[tokio::test]
async fn the_result_of_a_report_is_read_back_whole() {
    let bench = Bench::new();
    let store = bench.open("boot");
    let new = report(Vec::new());
    let id = new.id;
    store.accept(new).await.unwrap();
    let lease = store.claim(vec![task(id, 0)], &bench.worker).await.unwrap()[0].lease;
    let result = Report {
        group_by: crate::job::GroupBy::City,
        generated_at: Timestamp::from_millis(5),
        users: 1,
        events: 2,
        rows_total: 1,
        quarantined: 0,
        as_of: Vec::new(),
        rows: vec![crate::job::ReportRow {
            country: "US".into(),
            state: Some("OH".into()),
            city: None,
            users: 1,
            events: 2,
        }],
    };
    let reported = Outcome::Reported(Box::new(result.clone()));
    assert_eq!(
        finish(&store, lease, reported).await.job,
        Some(JobState::Succeeded)
    );
    assert_eq!(found(&store, id).await.report, Some(result.clone()));
    assert_eq!(store.report_rows(id, 0, 9).await.unwrap(), result.rows);
    assert!(store.report_rows(id, 1, 9).await.unwrap().is_empty());
}

#[tokio::test]
async fn the_backlog_is_bounded() {
    let bench = Bench::new();
    let one = bench.open("boot");
    one.accept(submit(1)).await.unwrap();
    for _ in 1..100 {
        one.accept(submit(1)).await.unwrap();
    }
    assert!(matches!(
        one.accept(submit(1)).await,
        Err(StoreError::Busy { .. })
    ));
}
