//! What a process hears of the changes that another has made, and of its own.

use std::time::Duration;

use super::bench::{Bench, submit, task};
use crate::adapters::sqlite::jobs::JobChanges;
use crate::adapters::sqlite::jobs::changes::{keep, since};
use crate::adapters::sqlite::jobs::schema::SCHEMA;
use crate::adapters::sqlite::turn_watch::TurnWatch;
use crate::job::{JobId, JobKind};
use crate::ports::{
    AcceptStore, AttemptStore, ChangeFeed, DispatchStore, Heartbeat, JobChange, JobControl, JobLookup,
    JobReader, News, Whose,
};

const LONG: Duration = Duration::from_secs(10);
const SHORT: Duration = Duration::from_millis(100);

/// What the feed tells, which misses nothing.
pub(super) async fn told(feed: &mut JobChanges) -> Vec<JobChange> {
    match feed.next().await.unwrap() {
        News::Changes(changes) => changes,
        News::Missed => panic!("something was forgotten"),
    }
}

#[tokio::test]
async fn another_process_sees_a_change() {
    let bench = Bench::new();
    let (one, other) = (bench.open("boot"), bench.open("boot"));
    let mut feed = other.changes();
    let new = submit(1);
    let id = new.id;
    one.accept(new).await.unwrap();
    let changes = told(&mut feed).await;
    assert_eq!(
        (changes[0].job, changes[0].revision, changes[0].ended),
        (id, 1, false)
    );
}

#[tokio::test]
async fn other_processes_are_told_of_what_changes_a_job_and_of_nothing_else() {
    let bench = Bench::new();
    let store = bench.open("boot");
    let mut watch = TurnWatch::beside(&bench.path());
    let new = submit(1);
    let id = new.id;
    store.accept(new).await.unwrap();
    tokio::time::timeout(LONG, watch.news()).await.unwrap();
    let due = store.due(JobKind::Submit.queue(), 1, Whose::Ours).await.unwrap();
    assert_eq!(store.mark_sent(due.tasks).await.unwrap(), 1);
    assert!(tokio::time::timeout(SHORT, watch.news()).await.is_err());
    let claimed = store.claim(vec![task(id, 0)], &bench.worker).await.unwrap();
    tokio::time::timeout(LONG, watch.news()).await.unwrap();
    let beat = Heartbeat {
        lease: claimed[0].lease,
        published: 0,
    };
    store.heartbeat(vec![beat]).await.unwrap();
    assert!(tokio::time::timeout(SHORT, watch.news()).await.is_err());
}

#[tokio::test]
async fn the_end_of_a_job_is_told_though_the_job_is_gone() {
    let bench = Bench::new();
    let store = bench.open("boot");
    let mut feed = store.changes();
    let new = submit(1);
    let id = new.id;
    store.accept(new).await.unwrap();
    store.cancel(id).await.unwrap();
    store.delete(id).await.unwrap();
    let last = *told(&mut feed).await.last().unwrap();
    assert_eq!((last.job, last.ended), (id, true));
    assert!(tokio::time::timeout(SHORT, feed.next()).await.is_err());
}

#[tokio::test]
async fn a_feed_that_comes_too_late_is_told_so_and_goes_on() {
    let bench = Bench::new();
    let store = bench.open("boot");
    let mut feed = store.changes();
    for _ in 0..3 {
        store.accept(submit(1)).await.unwrap();
    }
    let file = rusqlite::Connection::open(bench.path()).unwrap();
    file.execute("DELETE FROM changes WHERE last = 1", []).unwrap();
    assert_eq!(feed.next().await.unwrap(), News::Missed);
    let new = submit(1);
    let id = new.id;
    store.accept(new).await.unwrap();
    assert_eq!(told(&mut feed).await, [JobChange::made(id)]);
}

fn empty_file() -> rusqlite::Connection {
    let file = rusqlite::Connection::open_in_memory().unwrap();
    for migration in SCHEMA.migrations {
        file.execute_batch(migration).unwrap();
    }
    file
}

#[test]
fn changes_of_long_ago_are_forgotten() {
    let file = empty_file();
    let batch = vec![JobChange::made(JobId::generate()); 1_000];
    for last in (1_000..=300_000).step_by(1_000) {
        keep(&file, last, &batch).unwrap();
    }
    let oldest: i64 = file
        .query_row("SELECT min(last) FROM changes", [], |row| row.get(0))
        .unwrap();
    assert_eq!(oldest, 201_000);
}

#[test]
fn a_feed_reads_on_where_it_stopped_and_a_batch_whole_when_it_knows_a_part() {
    let file = empty_file();
    let job = JobChange::made(JobId::generate());
    keep(&file, 10_000, &vec![job; 10_000]).unwrap();
    keep(&file, 10_003, &[job; 3]).unwrap();
    for (seen, changes, more) in [
        (0, 10_000, true),
        (9_999, 10_000, true),
        (10_000, 3, false),
        (10_001, 3, false),
    ] {
        let found = since(&file, seen).unwrap();
        assert_eq!(
            (found.changes.len(), found.more, found.missed),
            (changes, more, false),
            "{seen}"
        );
    }
}

/// P24: the jobs of an earlier version are there, and changes go on after its last.
#[tokio::test]
async fn p24_a_store_of_an_earlier_version_goes_on() {
    let bench = Bench::new();
    let file = rusqlite::Connection::open(bench.path()).unwrap();
    for migration in &SCHEMA.migrations[..3] {
        file.execute_batch(migration).unwrap();
    }
    file.execute_batch(
        "PRAGMA user_version = 3;
         UPDATE meta SET change_seq = 7;
         INSERT INTO jobs (id, kind, state, revision, change_seq, open_tasks, received, rejected, created_ms, root, input,
                           trace, request)
         VALUES (x'00112233445566778899aabbccddeeff', 'submit', 'queued', 1, 7, 1, 1, 0, 1, x'00112233445566778899aabbccddeeff',
                 x'00112233445566778899aabbccddeeff', '', '{\"kind\":\"submit\",\"origin\":\"events\"}')",
    )
    .unwrap();
    drop(file);
    let store = bench.open("boot");
    let mut feed = store.changes();
    let old = JobId("00112233-4455-6677-8899-aabbccddeeff".parse().unwrap());
    assert!(matches!(store.job(old, 0).await.unwrap(), JobLookup::Found(_)));
    let new = submit(1);
    let id = new.id;
    store.accept(new).await.unwrap();
    assert_eq!(told(&mut feed).await, [JobChange::made(id)]);
}
