//! Rows that a disk has spoilt, or a newer program wrote: the others are looked after all the same.

use rusqlite::Connection;

use super::bench::{Bench, done, finish, found, report, submit, task};
use crate::job::{JobId, JobKind, JobState};
use crate::ports::{
    AcceptStore, AttemptEnd, AttemptStore, DispatchStore, Outcome, ParkCondition, Parked, PartitionEnd,
    RescueStore, StoreError, Whose,
};

/// What this program cannot read, in the column of one job or its tasks.
fn spoil(bench: &Bench, sql: &str, id: JobId) {
    let connection = Connection::open(bench.path()).unwrap();
    assert!(connection.execute(sql, [id.as_bytes()]).unwrap() > 0);
}

#[tokio::test]
async fn a_lapsed_task_that_cannot_be_read_does_not_keep_the_others_leased() {
    let bench = Bench::new();
    let store = bench.open("boot");
    let jobs = [submit(1), submit(1), submit(1)];
    let ids = [jobs[0].id, jobs[1].id, jobs[2].id];
    for job in jobs {
        store.accept(job).await.unwrap();
    }
    store
        .claim(ids.map(|id| task(id, 0)).to_vec(), &bench.worker)
        .await
        .unwrap();
    spoil(&bench, "UPDATE jobs SET kind = 'census' WHERE id = ?1", ids[0]);
    spoil(&bench, "UPDATE jobs SET id = x'00' WHERE id = ?1", ids[2]);
    bench.clock.pass(20_000);
    assert_eq!(store.rescue_lapsed(10).await.unwrap().tasks, 1);
    let due = store.due(JobKind::Submit.queue(), 10, Whose::Ours).await.unwrap();
    assert_eq!(
        due.tasks.iter().map(|due| due.task).collect::<Vec<_>>(),
        [task(ids[1], 0)]
    );
}

#[tokio::test]
async fn of_ends_of_which_one_cannot_be_written_none_is() {
    let bench = Bench::new();
    let store = bench.open("boot");
    let jobs = [submit(1), submit(1)];
    let ids = [jobs[0].id, jobs[1].id];
    for job in jobs {
        store.accept(job).await.unwrap();
    }
    let named = ids.map(|id| task(id, 0)).to_vec();
    let claimed = store.claim(named, &bench.worker).await.unwrap();
    spoil(&bench, "UPDATE jobs SET kind = 'census' WHERE id = ?1", ids[1]);
    let ends: Vec<_> = claimed
        .iter()
        .map(|claimed| AttemptEnd {
            lease: claimed.lease,
            outcome: done(1),
        })
        .collect();
    let refused = store.finish(ends.into()).await;
    assert!(matches!(refused, Err(StoreError::Corrupt { .. })), "{refused:?}");
    assert_eq!(found(&store, ids[0]).await.state, JobState::Running);
    let alone = finish(&store, claimed[0].lease, done(1)).await;
    assert_eq!(alone.job, Some(JobState::Succeeded));
}

#[tokio::test]
async fn a_trace_that_cannot_be_read_holds_up_no_dispatch_and_no_claim() {
    let bench = Bench::new();
    let store = bench.open("boot");
    let job = submit(1);
    let id = job.id;
    store.accept(job).await.unwrap();
    spoil(&bench, "UPDATE jobs SET trace = 'torn' WHERE id = ?1", id);
    let due = store.due(JobKind::Submit.queue(), 10, Whose::Ours).await.unwrap();
    assert_eq!(due.tasks.len(), 1);
    let claimed = store.claim(vec![task(id, 0)], &bench.worker).await.unwrap();
    assert_eq!(claimed.len(), 1);
}

#[tokio::test]
async fn a_park_that_cannot_be_read_keeps_no_other_report_waiting() {
    let bench = Bench::new();
    let store = bench.open("boot");
    let bound = vec![PartitionEnd {
        partition: 0,
        next_offset: 7,
    }];
    let mut ids = Vec::new();
    for _ in 0..2 {
        let job = report(Vec::new());
        ids.push(job.id);
        let named = task(job.id, 0);
        store.accept(job).await.unwrap();
        let claimed = store.claim(vec![named], &bench.worker).await.unwrap();
        let park = Outcome::Park(Parked {
            bound: Some(bound.clone()),
            condition: ParkCondition::BoundReached,
        });
        finish(&store, claimed[0].lease, park).await;
    }
    let sql = "UPDATE tasks SET parked = '{' WHERE job = (SELECT seq FROM jobs WHERE id = ?1)";
    spoil(&bench, sql, ids[0]);
    assert_eq!(store.parked().await.unwrap(), [(task(ids[1], 0), bound)]);
}
