//! Tasks whose worker processes vanish: told from pauses and stops, tried alone, given up in the end (P13).

use std::time::Duration;

use super::build::{submit, task, worker};
use super::fixture::{Fixture, LEASE};
use super::steps::{accept, cancel, job, rescue, state};
use crate::job::{JobError, JobState, TaskRef};
use crate::ports::{Claimed, Rescued};

const MOMENT: Duration = Duration::from_millis(1);

/// None of them counts, however often it happens.
pub async fn p13_a_pause_a_stop_and_a_restart_are_no_deaths(mut store: impl Fixture) {
    let id = accept(&store, submit(&store, 1)).await.id;
    for round in 0..6 {
        let paused = format!("paused {round}");
        let living = store.rescue().attend(&worker(&paused)).await.expect("it attends");
        assert_eq!(hold(&store, task(id, 0), &paused).await.deaths, 0);
        lapse(&store).await;
        drop(living);
        let stopped = format!("stopped {round}");
        drop(
            store
                .rescue()
                .attend(&worker(&stopped))
                .await
                .expect("it attends"),
        );
        assert_eq!(hold(&store, task(id, 0), &stopped).await.deaths, 0);
        lapse(&store).await;
        assert_eq!(hold(&store, task(id, 0), "embedded").await.deaths, 0);
        store.kill(&worker("embedded"));
        store.rescue().void_leases().await.expect("the store answers");
        assert_eq!(hold(&store, task(id, 0), "powerless").await.deaths, 0);
        store.kill(&worker("powerless"));
        store.reopen_under_another_boot();
        lapse(&store).await;
    }
    assert_eq!(hold(&store, task(id, 0), "w").await.deaths, 0);
    assert_eq!(state(&store, id).await, JobState::Running);
}

/// The next holder learns of it; so does the reader of the history.
pub async fn p13_the_first_death_makes_the_task_a_suspect(store: impl Fixture) {
    let id = accept(&store, submit(&store, 2)).await.id;
    assert_eq!(die_with(&store, task(id, 0), "a", false).await.suspects, 1);
    assert_eq!(hold(&store, task(id, 0), "b").await.deaths, 1);
    assert_eq!(hold(&store, task(id, 1), "b").await.deaths, 0);
    let told = job(&store, id).await.attempts[0].error.clone();
    assert!(told.is_some_and(|told| told.contains("vanished")));
}

/// One that made it a suspect, and three while nothing else ran beside it.
pub async fn p13_three_deaths_alone_fail_the_task(store: impl Fixture) {
    let id = accept(&store, submit(&store, 1)).await.id;
    die_with(&store, task(id, 0), "a", false).await;
    for name in ["b", "c"] {
        assert_eq!(die_with(&store, task(id, 0), name, true).await.suspects, 0);
        assert_eq!(state(&store, id).await, JobState::Running);
    }
    die_with(&store, task(id, 0), "d", true).await;
    let failed = job(&store, id).await;
    assert_eq!(failed.state, JobState::Failed);
    assert_eq!(failed.error.map(|error| error.code), Some(JobError::WORKER_LOST));
    assert_eq!(failed.attempts.len(), 4);
}

/// A suspect that waited for its turn, or whose holder did not get so far, is not at fault for the next death.
pub async fn p13_a_death_beside_others_counts_once(store: impl Fixture) {
    let id = accept(&store, submit(&store, 1)).await.id;
    for round in 0..6 {
        die_with(&store, task(id, 0), &format!("worker {round}"), false).await;
    }
    assert_eq!(hold(&store, task(id, 0), "w").await.deaths, 1);
    die_with_lease(&store, "w").await;
    die_with(&store, task(id, 0), "alone", true).await;
    assert_eq!(hold(&store, task(id, 0), "last").await.deaths, 2);
}

/// Whoever comes too late is told so, and counts nothing.
pub async fn p13_a_lost_lease_cannot_run_alone(store: impl Fixture) {
    let id = accept(&store, submit(&store, 1)).await.id;
    let lost = hold(&store, task(id, 0), "a").await.lease;
    lapse(&store).await;
    let held = hold(&store, task(id, 0), "b").await.lease;
    let attempts = store.attempts();
    assert!(!attempts.run_alone(lost).await.expect("answers"));
    assert!(attempts.run_alone(held).await.expect("answers"));
}

/// The cancel wins over the loss.
pub async fn p14_a_death_ends_a_cancelling_job_as_cancelled(store: impl Fixture) {
    let id = accept(&store, submit(&store, 1)).await.id;
    for name in ["a", "b", "c"] {
        die_with(&store, task(id, 0), name, true).await;
    }
    let last = hold(&store, task(id, 0), "d").await.lease;
    assert!(store.attempts().run_alone(last).await.expect("answers"));
    assert_eq!(cancel(&store, id).await.0, "cancelling");
    die_with_lease(&store, "d").await;
    assert_eq!(state(&store, id).await, JobState::Cancelled);
}

async fn hold(store: &impl Fixture, named: TaskRef, name: &str) -> Claimed {
    let claimed = store.attempts().claim(vec![named], &worker(name)).await;
    claimed.expect("the store answers").remove(0)
}

async fn die_with(store: &impl Fixture, named: TaskRef, name: &str, alone: bool) -> Rescued {
    let lease = hold(store, named, name).await.lease;
    if alone {
        assert!(store.attempts().run_alone(lease).await.expect("answers"));
    }
    die_with_lease(store, name).await
}

async fn die_with_lease(store: &impl Fixture, name: &str) -> Rescued {
    store.kill(&worker(name));
    lapse(store).await
}

async fn lapse(store: &impl Fixture) -> Rescued {
    store.clock().pass(LEASE + MOMENT);
    let rescued = rescue(store).await;
    assert_eq!(rescued.tasks, 1);
    rescued
}
