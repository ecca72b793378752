//! P13: a death that a batch saw, and could not write at once, is still a death.

use std::fs::{self, File};

use super::bench::{Bench, Held, submit, task, waiting};
use crate::adapters::sqlite::Write;
use crate::adapters::sqlite::jobs::fault::Fault;
use crate::ports::{AcceptStore, AttemptStore, RescueStore, StoreError};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p13_a_death_is_counted_when_its_batch_is_run_again() {
    let bench = Bench::new();
    let store = bench.open("boot");
    let new = submit(1);
    let named = task(new.id, 0);
    store.accept(new).await.unwrap();
    store.claim(vec![named], &bench.worker).await.unwrap();
    leave_a_trace(&bench);
    bench.clock.pass(16_000);

    let held = Held::hold(&store).await;
    let rescue = tokio::spawn({
        let store = store.clone();
        async move { store.rescue_lapsed(10).await }
    });
    waiting(&store, 1).await;
    let neighbour = tokio::spawn({
        let store = store.clone();
        async move { store.write(Write::relaxed("wake"), spoil).await }
    });
    waiting(&store, 2).await;
    held.release().await;

    assert!(matches!(
        neighbour.await.unwrap(),
        Err(StoreError::Busy { reason: _ })
    ));
    assert_eq!(rescue.await.unwrap().unwrap().tasks, 1);
    let claimed = store.claim(vec![named], &bench.worker).await.unwrap();
    assert_eq!(claimed[0].deaths, 1);
}

/// What a killed worker leaves behind: its file, which nobody locks.
fn leave_a_trace(bench: &Bench) {
    let folder = bench.path().with_extension("workers");
    fs::create_dir_all(&folder).unwrap();
    File::create(folder.join(&bench.worker.0)).unwrap();
}

/// Writes, and fails: all of its batch are run again.
fn spoil(tx: &super::super::Tx<'_>) -> Result<(), Fault> {
    tx.run("UPDATE meta SET epoch = epoch", [])?;
    Err(Fault::Busy("a neighbour that fails".to_owned()))
}
