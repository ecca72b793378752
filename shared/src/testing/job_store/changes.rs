//! The feed of changes: all of them, in commit order, one's own and other processes'.

use std::collections::BTreeMap;
use std::time::Duration;

use super::build::{EVENTS, SUBMITS, done, submit, task, worker};
use super::fixture::{Fixture, LEASE};
use super::steps::{
    accept, assert_unclaimable, beat, cancel, claim, due, finish, job, mark_sent, rescue, work,
};
use crate::job::JobId;
use crate::ports::{ChangeFeed, JobChange, News};
use crate::testing::wait::within;

/// How long a test waits for a change that must come.
const PATIENCE: Duration = Duration::from_secs(30);

/// Each change comes with its revision, after those before it, and the last says that it is the last.
pub async fn each_change_is_seen_in_its_order(store: impl Fixture) {
    accept(&store, submit(&store, 1)).await;
    let mut feed = store.feed();
    let first = accept(&store, submit(&store, 1)).await.id;
    assert_eq!(
        next(&mut *feed).await,
        [(first, 1, false)],
        "a feed begins at its making"
    );
    let second = accept(&store, submit(&store, 1)).await.id;
    assert_eq!(next(&mut *feed).await, [(second, 1, false)]);
    let lease = claim(&store, task(first, 0)).await.lease;
    assert_eq!(next(&mut *feed).await, [(first, 2, false)]);
    beat(&store, lease, 4).await;
    assert_eq!(next(&mut *feed).await, [(first, 3, false)]);
    finish(&store, lease, done(EVENTS)).await;
    assert_eq!(next(&mut *feed).await, [(first, 4, true)]);
    cancel(&store, second).await;
    assert_eq!(next(&mut *feed).await, [(second, 2, true)]);
}

/// What was skipped is not told; what comes after it is.
pub async fn a_feed_passes_over_what_nobody_waited_for(store: impl Fixture) {
    let mut feed = store.feed();
    accept(&store, submit(&store, 1)).await;
    let one = accept(&store, submit(&store, 1)).await.id;
    feed.skip().await.expect("the store answers");
    cancel(&store, one).await;
    assert_eq!(next(&mut *feed).await, [(one, 2, true)]);
}

/// Who looks late sees where every job stands, in the order of the changes.
pub async fn a_feed_that_looks_late_misses_no_job(store: impl Fixture) {
    let mut feed = store.feed();
    let one = accept(&store, submit(&store, 1)).await.id;
    let two = accept(&store, submit(&store, 1)).await.id;
    let three = accept(&store, submit(&store, 1)).await.id;
    cancel(&store, two).await;
    work(&store, task(one, 0), done(EVENTS)).await;
    let mut last = Vec::new();
    while last.len() < 3 || last.last() != Some(&(one, 3, true)) {
        for change in next(&mut *feed).await {
            let seen = last.iter().find(|seen: &&(JobId, u64, bool)| seen.0 == change.0);
            assert!(
                seen.is_none_or(|seen| seen.1 < change.1),
                "{change:?} after {seen:?}"
            );
            last.retain(|seen| seen.0 != change.0);
            last.push(change);
        }
    }
    assert_eq!(last, [(three, 1, false), (two, 2, true), (one, 3, true)]);
}

/// What changes nothing that can be read is not in the feed.
pub async fn what_changes_nothing_is_not_in_the_feed(store: impl Fixture) {
    let id = accept(&store, submit(&store, 1)).await.id;
    let lease = claim(&store, task(id, 0)).await.lease;
    store.clock().pass(LEASE);
    rescue(&store).await;
    let revision = job(&store, id).await.revision;
    let mut feed = store.feed();
    finish(&store, lease, done(EVENTS)).await;
    beat(&store, lease, 9).await;
    let sent = due(&store, SUBMITS).await;
    assert_eq!(mark_sent(&store, sent).await, 1);
    store.clock().pass(Duration::from_secs(3));
    store.dispatch().resend(SUBMITS, true).await.expect("answers");
    assert_unclaimable(&store, task(JobId::generate(), 0)).await;
    rescue(&store).await;
    claim(&store, task(id, 0)).await;
    assert_eq!(next(&mut *feed).await, [(id, revision + 1, false)]);
}

/// A process sees what another one changes, both ways.
pub async fn a_feed_sees_what_another_process_changes(store: impl Fixture) {
    let other = store.another();
    let (mut here, mut there) = (store.feed(), other.feed());
    let mut second_here = store.feed();
    let id = accept(&store, submit(&store, 1)).await.id;
    for feed in [&mut here, &mut there, &mut second_here] {
        assert_eq!(next(&mut **feed).await, [(id, 1, false)]);
    }
    let claimed = other
        .attempts()
        .claim(vec![task(id, 0)], &worker("there"))
        .await
        .expect("answers");
    assert_eq!(claimed.len(), 1);
    for feed in [&mut here, &mut there, &mut second_here] {
        assert_eq!(next(&mut **feed).await, [(id, 2, false)]);
    }
    finish(&other, claimed[0].lease, done(EVENTS)).await;
    for feed in [&mut here, &mut there, &mut second_here] {
        assert_eq!(next(&mut **feed).await, [(id, 3, true)]);
    }
}

/// Forty jobs live at once in two processes: both feeds see every end, and no revision falls.
pub async fn every_end_is_seen_while_many_jobs_move_at_once(store: impl Fixture) {
    const JOBS: usize = 40;
    let other = store.another();
    let (mut here, mut there) = (store.feed(), other.feed());
    let lives = (0..JOBS).map(|n| {
        let process = if n % 2 == 0 { &store } else { &other };
        async move {
            let id = accept(process, submit(process, 1)).await.id;
            work(process, task(id, 0), done(EVENTS)).await;
        }
    });
    let lives = futures_util::future::join_all(lives);
    let ((), seen_here, seen_there) = within("all jobs' ends", PATIENCE, async {
        tokio::join!(
            async {
                lives.await;
            },
            until_ended(&mut *here, JOBS),
            until_ended(&mut *there, JOBS),
        )
    })
    .await;
    assert_eq!(seen_here, seen_there);
    assert!(seen_here.values().all(|revision| *revision == 3), "{seen_here:?}");
}

async fn until_ended(feed: &mut dyn ChangeFeed, jobs: usize) -> BTreeMap<JobId, u64> {
    let (mut seen, mut ended) = (BTreeMap::new(), 0);
    while ended < jobs {
        for change in told(feed).await {
            let before = seen.insert(change.job, change.revision);
            assert!(before < Some(change.revision), "{change:?} after {before:?}");
            ended += usize::from(change.ended);
        }
    }
    seen
}

async fn next(feed: &mut dyn ChangeFeed) -> Vec<(JobId, u64, bool)> {
    let changes = within("a change", PATIENCE, told(feed)).await;
    let tell = |change: JobChange| (change.job, change.revision, change.ended);
    changes.into_iter().map(tell).collect()
}

async fn told(feed: &mut dyn ChangeFeed) -> Vec<JobChange> {
    match feed.next().await.expect("the store answers") {
        News::Changes(changes) => changes,
        News::Missed => panic!("a feed that is read misses nothing"),
    }
}
