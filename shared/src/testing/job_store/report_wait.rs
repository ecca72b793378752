//! Reports that wait hold no worker, and are woken, failed or expired where they wait (P21, P22).

use std::time::Duration;

use super::build::{
    EVENTS, REPORTS, bound, done, error, hand_back, park_on_bound, park_on_jobs, parked_on_bound, permanent,
    report, submit, task, transient,
};
use super::fixture::{Fixture, LEASE};
use super::steps::{accept, assert_unclaimable, cancel, claim, due_tasks, finish, job, rescue, state, work};
use crate::job::{JobError, JobId, JobRequest, JobState, QueueName, ReportRequest, TaskRef, TaskState};
use crate::ports::{NewJob, Outcome, ParkCondition, Parked, PartitionEnd, Rescued};

const MOMENT: Duration = Duration::from_millis(1);
const DEADLINE: Duration = Duration::from_secs(90);
const HOUR_MS: i64 = 3_600_000;

/// Of two awaited jobs the last one wakes the report, in its own end.
pub async fn p22_a_parked_report_wakes_with_the_last_job_it_awaits(store: impl Fixture) {
    let awaited = [
        accept(&store, submit(&store, 1)).await.id,
        accept(&store, submit(&store, 2)).await.id,
    ];
    let id = accept(&store, report(&store, &awaited)).await.id;
    let lease = claim(&store, task(id, 0)).await.lease;
    let parked = finish(&store, lease, park_on_jobs()).await;
    assert_eq!(
        (parked.task, parked.job),
        (Some(TaskState::Queued), Some(JobState::Running))
    );
    assert_eq!(parked.woke, []);
    assert_eq!(end_of(&store, task(awaited[0], 0)).await, []);
    assert_eq!(
        end_of(&store, task(awaited[1], 0)).await,
        [],
        "one of its tasks is open"
    );
    assert_eq!(due_tasks(&store, REPORTS).await, []);
    assert_unclaimable(&store, task(id, 0)).await;
    assert_eq!(end_of(&store, task(awaited[1], 1)).await, [REPORTS]);
    assert_eq!(due_tasks(&store, REPORTS).await, [task(id, 0)]);
    let claimed = claim(&store, task(id, 0)).await;
    assert_eq!((claimed.attempt, claimed.parked), (2, Some(Parked::default())));
}

/// The job ended between the report's look and its park: the park is no wait.
pub async fn p22_a_park_on_jobs_that_had_ended_is_due_at_once(store: impl Fixture) {
    let awaited = accept(&store, submit(&store, 1)).await.id;
    let id = accept(&store, report(&store, &[awaited])).await.id;
    let lease = claim(&store, task(id, 0)).await.lease;
    end_of(&store, task(awaited, 0)).await;
    assert_eq!(finish(&store, lease, park_on_jobs()).await.woke, [REPORTS]);
    assert_eq!(due_tasks(&store, REPORTS).await, [task(id, 0)]);
}

/// Jobs that nobody has heard of, or that had ended before the accept, are not waited for.
pub async fn p22_a_job_that_is_unknown_or_has_ended_is_not_awaited(store: impl Fixture) {
    let ended = accept(&store, submit(&store, 1)).await.id;
    end_of(&store, task(ended, 0)).await;
    let id = accept(&store, report(&store, &[ended, JobId::generate()]))
        .await
        .id;
    work(&store, task(id, 0), park_on_jobs()).await;
    assert_eq!(due_tasks(&store, REPORTS).await, [task(id, 0)]);
}

/// Whatever the end is, it wakes: a failure, a cancel, a lapse in a cancelled job.
pub async fn p22_every_end_of_an_awaited_job_wakes(store: impl Fixture) {
    for end in ["success", "failure", "cancel", "lapse"] {
        let awaited = accept(&store, submit(&store, 1)).await.id;
        let id = accept(&store, report(&store, &[awaited])).await.id;
        work(&store, task(id, 0), park_on_jobs()).await;
        assert_eq!(due_tasks(&store, REPORTS).await, [], "{end}");
        match end {
            "success" => drop(work(&store, task(awaited, 0), done(EVENTS)).await),
            "failure" => drop(work(&store, task(awaited, 0), permanent(JobError::INTERNAL)).await),
            "cancel" => assert_eq!(cancel(&store, awaited).await.0, "cancelled"),
            _ => {
                claim(&store, task(awaited, 0)).await;
                assert_eq!(cancel(&store, awaited).await.0, "cancelling");
                assert_eq!(due_tasks(&store, REPORTS).await, [], "it has not ended");
                store.clock().pass(LEASE + MOMENT);
                assert_eq!(rescue(&store).await.woke, [REPORTS]);
            }
        }
        assert_eq!(due_tasks(&store, REPORTS).await, [task(id, 0)], "{end}");
        cancel(&store, id).await;
    }
}

/// Two reports wait for one job: both wake.
pub async fn p22_one_end_wakes_all_who_wait_for_it(store: impl Fixture) {
    let awaited = accept(&store, submit(&store, 1)).await.id;
    let mut waiting = Vec::new();
    for _ in 0..2 {
        let id = accept(&store, report(&store, &[awaited])).await.id;
        work(&store, task(id, 0), park_on_jobs()).await;
        waiting.push(task(id, 0));
    }
    assert_eq!(end_of(&store, task(awaited, 0)).await, [REPORTS]);
    assert_eq!(due_tasks(&store, REPORTS).await, waiting);
}

/// What a report fixed when it parked comes with its next claims, over a back-off, a lapse and a restart.
pub async fn p21_the_bound_is_kept_once_it_was_taken(mut store: impl Fixture) {
    let id = accept(&store, report(&store, &[])).await.id;
    let named = task(id, 0);
    work(&store, named, park_on_bound(12)).await;
    assert_eq!(parked(&store).await, [(named, bound(12))]);
    assert_unclaimable(&store, named).await;
    store.reopen();
    assert_eq!(parked(&store).await, [(named, bound(12))]);
    let expected = Rescued {
        tasks: 1,
        suspects: 0,
        woke: vec![REPORTS],
    };
    assert_eq!(wake(&store, named).await, expected);
    assert_eq!(parked(&store).await, []);
    for way in ["back off", "hand back", "lapse"] {
        let claimed = claim(&store, named).await;
        assert_eq!(claimed.parked, Some(parked_on_bound(12)), "{way}");
        match way {
            "back off" => drop(finish(&store, claimed.lease, transient("away")).await),
            "hand back" => drop(finish(&store, claimed.lease, hand_back()).await),
            _ => {
                store.clock().pass(LEASE);
                assert_eq!(rescue(&store).await.tasks, 1);
            }
        }
        store.clock().pass(Duration::from_secs(1));
    }
    let claimed = claim(&store, named).await;
    assert_eq!(claimed.parked, Some(parked_on_bound(12)));
    finish(&store, claimed.lease, park_on_bound(12)).await;
    assert_eq!(parked(&store).await, [(named, bound(12))]);
}

/// A park without a bound must not wait for one that nobody knows: the report takes it anew.
pub async fn p21_a_missing_bound_is_no_bound_to_wait_for(store: impl Fixture) {
    let id = accept(&store, report(&store, &[])).await.id;
    let blind = Parked {
        bound: None,
        condition: ParkCondition::BoundReached,
    };
    work(&store, task(id, 0), Outcome::Park(blind.clone())).await;
    assert_eq!(parked(&store).await, []);
    assert_eq!(due_tasks(&store, REPORTS).await, [task(id, 0)]);
    assert_eq!(claim(&store, task(id, 0)).await.parked, Some(blind));
}

/// A wake reaches parked tasks only, and each once.
pub async fn p22_only_what_is_parked_is_woken(store: impl Fixture) {
    let id = accept(&store, report(&store, &[])).await.id;
    let named = task(id, 0);
    assert_eq!(wake(&store, named).await, Rescued::default(), "queued");
    let lease = claim(&store, named).await.lease;
    assert_eq!(wake(&store, named).await, Rescued::default(), "leased");
    finish(&store, lease, park_on_bound(1)).await;
    assert_eq!(wake(&store, named).await.tasks, 1);
    assert_eq!(wake(&store, named).await, Rescued::default(), "woken before");
    assert_eq!(
        wake(&store, task(JobId::generate(), 0)).await,
        Rescued::default(),
        "unknown"
    );
}

/// A diverged log fails those who wait, with its reason, and nobody else.
pub async fn p22_only_what_is_parked_is_failed(mut store: impl Fixture) {
    let on_bound = accept(&store, report(&store, &[])).await.id;
    let leased = accept(&store, report(&store, &[])).await.id;
    let queued = accept(&store, report(&store, &[])).await.id;
    work(&store, task(on_bound, 0), park_on_bound(3)).await;
    claim(&store, task(leased, 0)).await;
    let all = [on_bound, leased, queued, JobId::generate()].map(|id| task(id, 0));
    let failed = store
        .rescue()
        .fail_parked(all.to_vec(), error(JobError::LOG_DIVERGED))
        .await;
    assert_eq!(failed.expect("answers").tasks, 1);
    assert_eq!(state(&store, leased).await, JobState::Running);
    assert_eq!(state(&store, queued).await, JobState::Queued);
    store.reopen();
    let view = job(&store, on_bound).await;
    assert_eq!(
        (view.state, view.error),
        (JobState::Failed, Some(error(JobError::LOG_DIVERGED)))
    );
    assert!(view.ended_at.is_some() && view.expires_at.is_some());
    assert_unclaimable(&store, task(on_bound, 0)).await;
    assert_eq!(parked(&store).await, []);
}

/// Past its deadline every queued report fails, parked or not; one that a worker holds does not, nor a submit.
pub async fn p22_queued_reports_past_their_deadline_fail(mut store: impl Fixture) {
    let awaited = accept(&store, submit(&store, 1)).await.id;
    let mut reports = Vec::new();
    for after in [vec![], vec![], vec![], vec![awaited], vec![]] {
        reports.push(accept(&store, short_report(&store, after)).await.id);
    }
    let [untouched, backing_off, on_bound, on_jobs, held] = reports[..] else {
        unreachable!("five were made")
    };
    work(&store, task(backing_off, 0), transient("away")).await;
    work(&store, task(on_bound, 0), park_on_bound(3)).await;
    work(&store, task(on_jobs, 0), park_on_jobs()).await;
    let long = accept(&store, report(&store, &[])).await.id;
    store.clock().pass(DEADLINE - MOMENT);
    let lease = claim(&store, task(held, 0)).await.lease;
    assert_eq!(expire(&store).await, Rescued::default());
    store.clock().pass(MOMENT + MOMENT);
    assert_eq!(expire(&store).await.tasks, 4);
    assert_eq!(expire(&store).await.tasks, 0);
    store.reopen();
    for id in [untouched, backing_off, on_bound, on_jobs] {
        let view = job(&store, id).await;
        assert_eq!(view.state, JobState::Failed);
        assert_eq!(view.error.map(|error| error.code), Some(JobError::NOT_CAUGHT_UP));
        assert_unclaimable(&store, task(id, 0)).await;
    }
    assert_eq!(state(&store, held).await, JobState::Running);
    assert_eq!(state(&store, long).await, JobState::Queued);
    assert_eq!(state(&store, awaited).await, JobState::Queued);
    finish(&store, lease, hand_back()).await;
    assert_eq!(expire(&store).await.tasks, 1, "its holder let go");
}

/// A report that waits for a report wakes when that one expires.
pub async fn p22_an_expired_report_wakes_who_waits_for_it(store: impl Fixture) {
    let awaited = accept(&store, short_report(&store, Vec::new())).await.id;
    let id = accept(&store, report(&store, &[awaited])).await.id;
    work(&store, task(id, 0), park_on_jobs()).await;
    store.clock().pass(DEADLINE + MOMENT);
    let expected = Rescued {
        tasks: 1,
        suspects: 0,
        woke: vec![REPORTS],
    };
    assert_eq!(expire(&store).await, expected);
    assert_eq!(due_tasks(&store, REPORTS).await, [task(id, 0)]);
}

/// Deadlines count on the boot clock.
pub async fn p8_a_jump_of_the_wall_clock_expires_no_report(store: impl Fixture) {
    let id = accept(&store, short_report(&store, Vec::new())).await.id;
    store.clock().jump_wall(HOUR_MS);
    assert_eq!(expire(&store).await.tasks, 0);
    store.clock().jump_wall(-2 * HOUR_MS);
    store.clock().pass(DEADLINE + MOMENT);
    assert_eq!(expire(&store).await.tasks, 1);
    assert_eq!(state(&store, id).await, JobState::Failed);
}

/// The boot clock begins anew: what the wall clock says is left remains.
pub async fn p8_what_remains_of_a_deadline_counts_under_another_boot(mut store: impl Fixture) {
    accept(&store, short_report(&store, Vec::new())).await;
    store.clock().pass(DEADLINE / 2);
    store.clock().set_boot(5_000);
    store.reopen_under_another_boot();
    store.clock().pass(DEADLINE / 2 - MOMENT);
    assert_eq!(expire(&store).await.tasks, 0);
    store.clock().pass(MOMENT);
    assert_eq!(expire(&store).await.tasks, 1);
}

fn short_report(store: &impl Fixture, after: Vec<JobId>) -> NewJob {
    let request = ReportRequest {
        after,
        deadline_s: 90,
        ..ReportRequest::default()
    };
    NewJob {
        request: JobRequest::Report(request),
        ..report(store, &[])
    }
}

async fn end_of(store: &impl Fixture, named: TaskRef) -> Vec<QueueName> {
    let lease = claim(store, named).await.lease;
    finish(store, lease, done(EVENTS)).await.woke
}

async fn parked(store: &impl Fixture) -> Vec<(TaskRef, Vec<PartitionEnd>)> {
    store.rescue().parked().await.expect("the store answers")
}

async fn wake(store: &impl Fixture, named: TaskRef) -> Rescued {
    store.rescue().wake(vec![named]).await.expect("the store answers")
}

async fn expire(store: &impl Fixture) -> Rescued {
    store.rescue().expire_reports().await.expect("the store answers")
}
