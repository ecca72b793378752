//! Repairs: a lapsed lease frees its task, on the boot clock alone, under one rescuer (P8, P10).

use std::time::Duration;

use super::build::{SUBMITS, submit, task, worker};
use super::fixture::{Fixture, LEASE};
use super::steps::{accept, assert_unclaimable, beat, claim, due_tasks, job, rescue};
use crate::job::JobState;
use crate::ports::{Clock, HeartbeatOutcome, Rescued, RescuerLease};

const TTL: Duration = Duration::from_secs(10);
const MOMENT: Duration = Duration::from_millis(1);
const HOUR_MS: i64 = 3_600_000;

/// A lapse frees the task for another worker, and shows in the history.
pub async fn a_lapsed_lease_returns_its_task(store: impl Fixture) {
    let id = accept(&store, submit(&store, 1)).await.id;
    claim(&store, task(id, 0)).await;
    let running = job(&store, id).await;
    store.clock().pass(LEASE - MOMENT);
    assert_eq!(rescue(&store).await, Rescued::default());
    assert_eq!(job(&store, id).await, running);
    assert_unclaimable(&store, task(id, 0)).await;
    store.clock().pass(MOMENT + MOMENT);
    let expected = Rescued {
        tasks: 1,
        suspects: 0,
        woke: vec![SUBMITS],
    };
    assert_eq!(rescue(&store).await, expected);
    assert_eq!(rescue(&store).await.tasks, 0);
    let lapsed = job(&store, id).await;
    assert_eq!(lapsed.state, JobState::Running);
    assert!(lapsed.revision > running.revision);
    let attempt = &lapsed.attempts[0];
    assert_eq!(attempt.ended_at, Some(store.clock().wall()));
    assert!(attempt.error.is_some());
    assert_eq!(due_tasks(&store, SUBMITS).await, [task(id, 0)]);
    assert_eq!(claim(&store, task(id, 0)).await.attempt, 2);
}

/// A round takes no more than it was asked to, longest lapsed first.
pub async fn a_round_of_rescue_is_bounded(store: impl Fixture) {
    let id = accept(&store, submit(&store, 3)).await.id;
    for no in [2, 0, 1] {
        claim(&store, task(id, no)).await;
        store.clock().pass(MOMENT);
    }
    store.clock().pass(LEASE);
    let rounds = store.rescue();
    assert_eq!(rounds.rescue_lapsed(2).await.expect("answers").tasks, 2);
    let mut due = due_tasks(&store, SUBMITS).await;
    due.sort();
    assert_eq!(due, [task(id, 0), task(id, 2)]);
    assert_eq!(rounds.rescue_lapsed(2).await.expect("answers").tasks, 1);
    assert_eq!(rounds.rescue_lapsed(2).await.expect("answers").tasks, 0);
}

/// The wall clock steps back an hour, and a dead worker's lease lasts no longer.
pub async fn p8_a_wall_clock_that_steps_back_keeps_no_lease_alive(store: impl Fixture) {
    let id = accept(&store, submit(&store, 1)).await.id;
    claim(&store, task(id, 0)).await;
    store.clock().jump_wall(-HOUR_MS);
    store.clock().pass(LEASE + MOMENT);
    assert_eq!(rescue(&store).await.tasks, 1);
}

/// The wall clock steps on an hour, and a live worker keeps its lease.
pub async fn p8_a_wall_clock_that_steps_on_takes_no_lease_away(store: impl Fixture) {
    let id = accept(&store, submit(&store, 1)).await.id;
    let lease = claim(&store, task(id, 0)).await.lease;
    store.clock().jump_wall(HOUR_MS);
    assert_eq!(rescue(&store).await.tasks, 0);
    assert_eq!(beat(&store, lease, 0).await, HeartbeatOutcome::Held);
    store.clock().jump_wall(-2 * HOUR_MS);
    store.clock().pass(LEASE - MOMENT);
    assert_eq!(rescue(&store).await.tasks, 0);
}

/// At the start of an embedded process nobody holds anything, however fresh the lease is.
pub async fn p10_voided_leases_free_their_tasks_at_once(store: impl Fixture) {
    let id = accept(&store, submit(&store, 3)).await.id;
    let leases = [
        claim(&store, task(id, 0)).await.lease,
        claim(&store, task(id, 2)).await.lease,
    ];
    let expected = Rescued {
        tasks: 2,
        suspects: 0,
        woke: vec![SUBMITS],
    };
    assert!(hold(&store, "the last run").await.is_some());
    assert_eq!(store.rescue().void_leases().await.expect("answers"), expected);
    let free = Some(RescuerLease { taken_over: false });
    assert_eq!(hold(&store, "this run").await, free, "the rescuer's duty too");
    for lease in leases {
        assert_eq!(beat(&store, lease, 1).await, HeartbeatOutcome::Lost);
        assert_eq!(claim(&store, lease.task).await.attempt, 2);
    }
}

/// One process rescues; another takes over once it gives no sign for as long as it had asked for.
pub async fn one_process_is_the_rescuer(store: impl Fixture) {
    let other = store.another();
    let first = Some(RescuerLease { taken_over: false });
    assert_eq!(hold(&store, "a").await, first);
    assert_eq!(hold(&other, "b").await, None);
    store.clock().pass(TTL - MOMENT);
    assert_eq!(hold(&store, "a").await, first, "it renews");
    store.clock().pass(TTL - MOMENT);
    assert_eq!(hold(&other, "b").await, None);
    store.clock().pass(MOMENT + MOMENT);
    assert_eq!(hold(&other, "b").await, Some(RescuerLease { taken_over: true }));
    assert_eq!(hold(&store, "a").await, None);
}

/// The rescuer's own lease counts on the boot clock.
pub async fn p8_a_jump_of_the_wall_clock_makes_no_second_rescuer(store: impl Fixture) {
    assert!(hold(&store, "a").await.is_some());
    store.clock().jump_wall(HOUR_MS);
    assert_eq!(hold(&store, "b").await, None);
    store.clock().jump_wall(-2 * HOUR_MS);
    store.clock().pass(TTL + MOMENT);
    assert!(hold(&store, "b").await.is_some());
}

async fn hold(store: &impl Fixture, name: &str) -> Option<RescuerLease> {
    let held = store.rescue().hold_rescuer(&worker(name), TTL).await;
    held.expect("the store answers")
}
