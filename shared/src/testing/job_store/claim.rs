//! Step 4: a task is claimed once, heartbeats keep its lease, and progress shows (P6, P7).

use std::time::Duration;

use super::build::{EVENTS, chunk, done, hand_back, report, submit, task, transient, worker};
use super::fixture::{Fixture, LEASE};
use super::steps::{accept, assert_unclaimable, beat, claim, claim_any, finish, job, rescue, work};
use crate::job::{JobId, JobState, Lease};
use crate::ports::{Clock, Heartbeat, HeartbeatOutcome, NewJob};

/// Of two claims one wins, in one call and in two.
pub async fn p6_a_task_is_claimed_once(store: impl Fixture) {
    let id = accept(&store, submit(&store, 1)).await.id;
    let named = task(id, 0);
    assert_eq!(claim_any(&store, &[named, named]).await.len(), 1);
    let other = store.attempts().claim(vec![named], &worker("other")).await;
    assert_eq!(other.expect("answers").len(), 0);
    assert_eq!(job(&store, id).await.attempts.len(), 1);
}

/// Twenty claims at the same time, from two processes.
pub async fn p6_claims_at_the_same_time_give_one_lease(store: impl Fixture) {
    let id = accept(&store, submit(&store, 1)).await.id;
    let other = store.another();
    let claims = (0..20).map(|n| {
        let attempts = if n % 2 == 0 {
            store.attempts()
        } else {
            other.attempts()
        };
        async move { attempts.claim(vec![task(id, 0)], &worker(&format!("w{n}"))).await }
    });
    let won: usize = futures_util::future::join_all(claims)
        .await
        .into_iter()
        .map(|claimed| claimed.expect("answers").len())
        .sum();
    assert_eq!(won, 1);
}

/// What a handler needs comes with the claim.
pub async fn a_claim_carries_what_the_handler_needs(store: impl Fixture) {
    let new = NewJob {
        chunks: vec![chunk(0, 0)],
        ..submit(&store, 1)
    };
    accept(&store, new.clone()).await;
    let claimed = claim(&store, task(new.id, 0)).await;
    assert_eq!((claimed.lease.task, claimed.attempt), (task(new.id, 0), 1));
    assert_eq!((&claimed.request, claimed.root), (&new.request, new.id));
    assert_eq!((claimed.created_at, claimed.events), (new.created_at, EVENTS));
    assert_eq!((&claimed.parked, claimed.trace), (&None, new.trace));
    if let Some(first) = claimed.first_chunk {
        assert_eq!(
            (first.task, first.first_ordinal, first.body),
            (0, 0, chunk(0, 0).body)
        );
    }
    let waits = report(&store, &[new.id]);
    accept(&store, waits.clone()).await;
    let claimed = claim(&store, task(waits.id, 0)).await;
    assert_eq!((claimed.request, claimed.events), (waits.request, 0));
    assert!(claimed.first_chunk.is_none());
}

/// The fence of each claim differs from all before.
pub async fn p7_the_token_rises_with_every_claim(store: impl Fixture) {
    let id = accept(&store, submit(&store, 1)).await.id;
    let mut leases = Vec::new();
    for attempt in 1..=5 {
        let claimed = claim(&store, task(id, 0)).await;
        assert_eq!(claimed.attempt, attempt);
        leases.push(claimed.lease);
        finish(&store, claimed.lease, hand_back()).await;
    }
    assert!(
        leases.windows(2).all(|two| two[0].token < two[1].token),
        "{leases:?}"
    );
    assert!(
        leases.windows(2).all(|two| two[0].nonce != two[1].nonce),
        "{leases:?}"
    );
}

/// One claim of a mixed batch gives what can be claimed, and nothing fails.
pub async fn p6_a_claim_leaves_out_what_cannot_be_claimed(store: impl Fixture) {
    let id = accept(&store, submit(&store, 5)).await.id;
    work(&store, task(id, 0), done(EVENTS)).await;
    claim(&store, task(id, 1)).await;
    work(&store, task(id, 2), transient("away")).await;
    let unknown = task(JobId::generate(), 0);
    let batch = [
        unknown,
        task(id, 0),
        task(id, 1),
        task(id, 2),
        task(id, 3),
        task(id, 4),
        task(id, 9),
    ];
    let claimed: Vec<_> = claim_any(&store, &batch)
        .await
        .iter()
        .map(|one| one.lease.task)
        .collect();
    assert_eq!(claimed, [task(id, 3), task(id, 4)]);
    assert_eq!(claim_any(&store, &[]).await.len(), 0);
}

/// The first claim starts the job, later ones do not start it again.
pub async fn the_first_claim_starts_the_job(store: impl Fixture) {
    let accepted = accept(&store, submit(&store, 2)).await;
    store.clock().pass(Duration::from_millis(1_234));
    let started = store.clock().wall();
    claim(&store, task(accepted.id, 1)).await;
    let running = job(&store, accepted.id).await;
    assert_eq!(
        (running.state, running.started_at),
        (JobState::Running, Some(started))
    );
    assert!(running.revision > accepted.revision);
    let attempt = &running.attempts[0];
    assert_eq!((attempt.task, attempt.n, attempt.worker.as_str()), (1, 1, "w"));
    assert_eq!(
        (attempt.started_at, attempt.ended_at, &attempt.error),
        (started, None, &None)
    );
    store.clock().pass(Duration::from_secs(1));
    claim(&store, task(accepted.id, 0)).await;
    assert_eq!(job(&store, accepted.id).await.started_at, Some(started));
}

/// Each heartbeat extends the lease from its own time on.
pub async fn a_heartbeat_extends_its_lease(store: impl Fixture) {
    let id = accept(&store, submit(&store, 1)).await.id;
    let lease = claim(&store, task(id, 0)).await.lease;
    for _ in 0..3 {
        store.clock().pass(LEASE - Duration::from_millis(1));
        assert_eq!(rescue(&store).await.tasks, 0);
        assert_eq!(beat(&store, lease, 0).await, HeartbeatOutcome::Held);
    }
    store.clock().pass(LEASE + Duration::from_millis(1));
    assert_eq!(rescue(&store).await.tasks, 1);
    assert_eq!(beat(&store, lease, 0).await, HeartbeatOutcome::Lost);
}

/// A heartbeat of somebody else's lease is answered alone, and writes nothing.
pub async fn p7_a_heartbeat_of_a_lost_lease_says_lost_and_changes_nothing(store: impl Fixture) {
    let id = accept(&store, submit(&store, 2)).await.id;
    let lost = claim(&store, task(id, 0)).await.lease;
    finish(&store, lost, hand_back()).await;
    let held = claim(&store, task(id, 0)).await.lease;
    let other = claim(&store, task(id, 1)).await.lease;
    let before = job(&store, id).await;
    let forged_nonce = Lease {
        nonce: held.nonce.wrapping_add(1),
        ..held
    };
    let forged_token = Lease {
        token: held.token + 1,
        ..held
    };
    let unknown = Lease {
        task: task(JobId::generate(), 0),
        ..held
    };
    let beats = [lost, held, forged_nonce, forged_token, unknown, other]
        .map(|lease| Heartbeat {
            lease,
            published: if lease == held || lease == other { 0 } else { 7 },
        })
        .to_vec();
    let outcomes = store.attempts().heartbeat(beats).await.expect("answers");
    let (held, lost) = (HeartbeatOutcome::Held, HeartbeatOutcome::Lost);
    assert_eq!(outcomes, [lost, held, lost, lost, lost, held]);
    assert_eq!(job(&store, id).await, before);
}

/// Progress of all tasks shows in the job, and moves its revision at most once a second.
pub async fn progress_moves_the_revision_at_most_once_a_second(store: impl Fixture) {
    let id = accept(&store, submit(&store, 2)).await.id;
    let one = claim(&store, task(id, 0)).await.lease;
    let two = claim(&store, task(id, 1)).await.lease;
    let start = job(&store, id).await;
    beat(&store, one, 0).await;
    assert_eq!(job(&store, id).await, start, "no progress is no change");
    beat(&store, one, 3).await;
    let shown = job(&store, id).await;
    assert_eq!(
        (shown.progress.published, shown.revision),
        (3, start.revision + 1)
    );
    store.clock().pass(Duration::from_millis(900));
    beat(&store, two, 4).await;
    assert_eq!(
        job(&store, id).await,
        shown,
        "what is read changes with the revision alone"
    );
    store.clock().pass(Duration::from_millis(200));
    beat(&store, two, 5).await;
    let later = job(&store, id).await;
    assert_eq!(
        (later.progress.published, later.revision),
        (8, start.revision + 2)
    );
    store.clock().pass(Duration::from_secs(2));
    beat(&store, two, 1).await;
    assert_eq!(
        job(&store, id).await.progress.published,
        8,
        "progress never falls"
    );
}

/// The history holds the last ten attempts of the whole job, oldest first.
pub async fn the_last_ten_attempts_are_kept_oldest_first(store: impl Fixture) {
    let id = accept(&store, submit(&store, 2)).await.id;
    let mut tried = Vec::new();
    for n in 1..=7 {
        for no in 0..2 {
            store.clock().pass(Duration::from_millis(10));
            work(&store, task(id, no), hand_back()).await;
            tried.push((no, n));
        }
    }
    let view = job(&store, id).await;
    let kept: Vec<_> = view
        .attempts
        .iter()
        .map(|attempt| (attempt.task, attempt.n))
        .collect();
    assert_eq!(kept, tried[4..]);
    assert!(
        view.attempts
            .iter()
            .all(|attempt| attempt.ended_at == Some(attempt.started_at))
    );
    assert!(view.attempts.iter().all(|attempt| attempt.error.is_none()));
}

/// The history is in the order of the claims, whatever the wall clock did between them.
pub async fn p8_attempts_stay_in_order_when_the_wall_clock_steps_back(store: impl Fixture) {
    let id = accept(&store, submit(&store, 2)).await.id;
    let mut tried = Vec::new();
    for n in 1..=7 {
        for no in [1, 0] {
            work(&store, task(id, no), hand_back()).await;
            tried.push((no, n));
            store.clock().jump_wall(-60_000);
        }
    }
    let view = job(&store, id).await;
    let kept: Vec<_> = view
        .attempts
        .iter()
        .map(|attempt| (attempt.task, attempt.n))
        .collect();
    assert_eq!(kept, tried[4..]);
}

/// A claim of a job that has ended is forgotten.
pub async fn p6_an_ended_job_is_not_claimed(store: impl Fixture) {
    let id = accept(&store, submit(&store, 1)).await.id;
    work(&store, task(id, 0), done(EVENTS)).await;
    let ended = job(&store, id).await;
    assert_unclaimable(&store, task(id, 0)).await;
    assert_eq!(job(&store, id).await, ended);
}
