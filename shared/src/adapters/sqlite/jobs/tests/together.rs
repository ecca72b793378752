//! What the callers of one batch share is right for each of them.

use super::bench::{Bench, Held, report, submit, waiting};
use super::changes::told;
use crate::adapters::sqlite::Write;
use crate::adapters::sqlite::jobs::{JobStore, Tx};
use crate::job::{JobId, JobState};
use crate::ports::{AcceptStore, JobChange, JobControl, JobReader, StoreError};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_ends_in_the_batch_of_its_first_waiter_is_not_waited_for() {
    let bench = Bench::new();
    let store = bench.open("boot");
    let jobs = [submit(1), submit(1)];
    let [first, second] = [jobs[0].id, jobs[1].id];
    for job in jobs {
        store.accept(job).await.unwrap();
    }
    let held = Held::hold(&store).await;
    // The first end finds that nobody waits for anything.
    let ends = tokio::spawn(cancel(store.clone(), first));
    waiting(&store, 1).await;
    let accepted = tokio::spawn({
        let store = store.clone();
        async move { store.accept(report(vec![second])).await.map(drop) }
    });
    waiting(&store, 2).await;
    let ends_too = tokio::spawn(cancel(store.clone(), second));
    waiting(&store, 3).await;
    held.release().await;
    for written in [ends, ends_too, accepted] {
        written.await.unwrap().unwrap();
    }
    let file = rusqlite::Connection::open(bench.path()).unwrap();
    let waits: i64 = file
        .query_row("SELECT count(*) FROM waits", [], |row| row.get(0))
        .unwrap();
    assert_eq!(waits, 0);
}

async fn cancel(store: JobStore, id: JobId) -> Result<(), StoreError> {
    store.cancel(id).await.map(drop)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p2_a_panic_takes_nothing_along_of_what_its_neighbours_have_noted() {
    let bench = Bench::new();
    let store = bench.open("boot");
    let mut feed = store.changes();
    let held = Held::hold(&store).await;
    let new = submit(1);
    let id = new.id;
    let accepted = tokio::spawn({
        let store = store.clone();
        async move { store.accept(new).await.map(drop) }
    });
    waiting(&store, 1).await;
    let broken = tokio::spawn({
        let store = store.clone();
        async move {
            store
                .write(Write::relaxed("wake"), |_: &Tx<'_>| -> Result<(), _> {
                    panic!("a bug")
                })
                .await
        }
    });
    waiting(&store, 2).await;
    held.release().await;
    accepted.await.unwrap().unwrap();
    assert!(broken.await.unwrap().is_err());
    assert_eq!(told(&mut feed).await, [JobChange::made(id)]);
    let open = store.open_jobs().await.unwrap();
    assert_eq!(open, [("submit", JobState::Queued, 1)]);
}
