//! What a process hears of the changes that another has made, and of its own.

use std::time::Duration;

use super::bench::{Bench, submit, task};
use crate::adapters::sqlite::turn_watch::TurnWatch;
use crate::job::JobKind;
use crate::ports::{AcceptStore, AttemptStore, ChangeFeed, DispatchStore, Heartbeat, JobControl, Whose};

const LONG: Duration = Duration::from_secs(10);
const SHORT: Duration = Duration::from_millis(100);

#[tokio::test]
async fn another_process_sees_a_change() {
    let bench = Bench::new();
    let (one, other) = (bench.open("boot"), bench.open("boot"));
    let mut feed = other.changes();
    let new = submit(1);
    let id = new.id;
    one.accept(new).await.unwrap();
    let changes = feed.next().await.unwrap();
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
async fn the_changes_of_a_job_that_is_gone_are_looked_for_once() {
    let bench = Bench::new();
    let store = bench.open("boot");
    let mut feed = store.changes();
    let new = submit(1);
    let id = new.id;
    store.accept(new).await.unwrap();
    store.cancel(id).await.unwrap();
    store.delete(id).await.unwrap();
    assert!(tokio::time::timeout(SHORT, feed.next()).await.is_err());
    assert_eq!(feed.seen, 2, "an accept and an end were told");
}
