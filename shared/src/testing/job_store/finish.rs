//! Step 7: an outcome moves its task once, the last task ends the job, and an end is for good (P2, P7, P17).

use std::time::Duration;

use super::build::{
    EVENTS, SUBMITS, done, error, hand_back, park_on_bound, park_on_jobs, permanent, published, receipt,
    report, reported, submit, task, transient,
};
use super::fixture::{Fixture, LEASE, RETENTION};
use super::steps::{
    accept, assert_unclaimable, beat, cancel, claim, due, due_tasks, finish, job, mark_sent, rescue, work,
};
use crate::job::{Backoff, JobError, JobState, Lease, Receipt, TaskState};
use crate::ports::{AttemptEnd, Clock, Finished, HeartbeatOutcome, NewJob, Outcome, Published, RecordMark};

/// The job ends with its last task, not before, and the next process finds it ended.
pub async fn p7_the_last_task_ends_the_job(mut store: impl Fixture) {
    let id = accept(&store, submit(&store, 3)).await.id;
    let (running, succeeded) = (JobState::Running, TaskState::Succeeded);
    assert_eq!(work(&store, task(id, 1), done(10)).await, (succeeded, running));
    assert_eq!(work(&store, task(id, 0), done(10)).await, (succeeded, running));
    assert_eq!(job(&store, id).await.ended_at, None);
    store.clock().pass(Duration::from_secs(5));
    let end = work(&store, task(id, 2), done(9)).await;
    assert_eq!(end, (succeeded, JobState::Succeeded));
    let ended = job(&store, id).await;
    let now = store.clock().wall();
    let retention_ms = i64::try_from(RETENTION.as_millis()).expect("seven days");
    assert_eq!((ended.state, ended.ended_at), (JobState::Succeeded, Some(now)));
    assert_eq!(ended.expires_at, Some(now.plus_millis(retention_ms)));
    assert_eq!((ended.progress.published, &ended.error), (29, &None));
    store.reopen();
    assert_eq!(job(&store, id).await, ended);
}

/// Twelve tasks end at the same time, through two processes: the job ends once.
pub async fn p7_tasks_that_end_at_the_same_time_end_the_job_once(store: impl Fixture) {
    let id = accept(&store, submit(&store, 12)).await.id;
    let other = store.another();
    let mut ends = Vec::new();
    for no in 0..12 {
        let lease = claim(&store, task(id, no)).await.lease;
        let attempts = if no % 2 == 0 {
            store.attempts()
        } else {
            other.attempts()
        };
        let end = AttemptEnd {
            lease,
            outcome: done(1),
        };
        ends.push(async move { attempts.finish([end].into()).await });
    }
    let finished = futures_util::future::join_all(ends).await;
    let ended = finished
        .into_iter()
        .filter(|finished| finished.as_ref().expect("answers")[0].job == Some(JobState::Succeeded))
        .count();
    assert_eq!(ended, 1);
    let view = job(&store, id).await;
    assert_eq!((view.state, view.progress.published), (JobState::Succeeded, 12));
}

/// One task failed, the other succeeded.
pub async fn a_failed_task_beside_a_good_one_makes_partially_succeeded(store: impl Fixture) {
    let id = accept(&store, submit(&store, 2)).await.id;
    let failed = work(&store, task(id, 0), permanent(JobError::INTERNAL)).await;
    assert_eq!(failed, (TaskState::Failed, JobState::Running));
    let end = work(&store, task(id, 1), done(EVENTS)).await;
    assert_eq!(end, (TaskState::Succeeded, JobState::PartiallySucceeded));
    let view = job(&store, id).await;
    assert_eq!(
        (view.state, view.progress.published),
        (JobState::PartiallySucceeded, EVENTS)
    );
}

/// All that was accepted took effect, and not all was accepted.
pub async fn rejects_make_partially_succeeded(store: impl Fixture) {
    let new = NewJob {
        rejected: 1,
        ..submit(&store, 1)
    };
    let id = accept(&store, new).await.id;
    let end = work(&store, task(id, 0), done(EVENTS)).await;
    assert_eq!(end, (TaskState::Succeeded, JobState::PartiallySucceeded));
}

/// Nothing took effect; the caller reads why.
pub async fn a_job_all_of_whose_tasks_failed_fails_with_the_error(mut store: impl Fixture) {
    let id = accept(&store, submit(&store, 2)).await.id;
    work(&store, task(id, 0), permanent(JobError::WORKER_LOST)).await;
    let end = work(&store, task(id, 1), permanent(JobError::WORKER_LOST)).await;
    assert_eq!(end, (TaskState::Failed, JobState::Failed));
    store.reopen();
    let view = job(&store, id).await;
    assert_eq!(view.state, JobState::Failed);
    assert_eq!(view.error, Some(error(JobError::WORKER_LOST)));
    assert!(view.ended_at.is_some() && view.expires_at.is_some());
}

/// Whatever a holder says after it lost its lease, nothing changes and the new holder stays.
pub async fn p7_a_fenced_finish_changes_nothing(store: impl Fixture) {
    let id = accept(&store, report(&store, &[])).await.id;
    let lapsed = claim(&store, task(id, 0)).await.lease;
    store.clock().pass(LEASE + Duration::from_millis(1));
    assert_eq!(rescue(&store).await.tasks, 1);
    let queued = job(&store, id).await;
    assert_eq!(finish(&store, lapsed, done(1)).await, FENCED, "nobody holds it");
    assert_eq!(job(&store, id).await, queued);
    let held = claim(&store, task(id, 0)).await.lease;
    let before = job(&store, id).await;
    let forged_token = Lease {
        token: lapsed.token,
        ..held
    };
    let forged_nonce = Lease {
        nonce: held.nonce.wrapping_add(1),
        ..held
    };
    for lease in [lapsed, forged_token, forged_nonce] {
        for outcome in [
            done(1),
            reported(&store),
            transient("away"),
            permanent(JobError::INTERNAL),
            park_on_jobs(),
            park_on_bound(3),
            hand_back(),
        ] {
            assert_eq!(
                finish(&store, lease, outcome.clone()).await,
                FENCED,
                "{outcome:?}"
            );
            assert_eq!(job(&store, id).await, before, "{outcome:?}");
        }
    }
    assert_eq!(beat(&store, held, 0).await, HeartbeatOutcome::Held);
    assert_eq!(
        finish(&store, held, reported(&store)).await.job,
        Some(JobState::Succeeded)
    );
}

const FENCED: Finished = Finished {
    task: None,
    job: None,
    woke: Vec::new(),
};

/// Nothing that comes late moves a job that has ended: neither what is read nor its revision.
pub async fn nothing_changes_a_job_after_its_end(store: impl Fixture) {
    let id = accept(&store, submit(&store, 1)).await.id;
    let sent = due(&store, SUBMITS).await;
    let lease = claim(&store, task(id, 0)).await.lease;
    finish(&store, lease, done(EVENTS)).await;
    let ended = job(&store, id).await;
    assert_eq!(finish(&store, lease, done(EVENTS)).await, FENCED);
    assert_eq!(finish(&store, lease, permanent(JobError::INTERNAL)).await, FENCED);
    assert_eq!(beat(&store, lease, 99).await, HeartbeatOutcome::Lost);
    assert_eq!(mark_sent(&store, sent).await, 0);
    assert_eq!(cancel(&store, id).await, ("already ended", ended.clone()));
    store.clock().pass(Duration::from_secs(3_600));
    assert_eq!(rescue(&store).await.tasks, 0);
    let rescue = store.rescue();
    assert_eq!(rescue.void_leases().await.expect("answers").tasks, 0);
    assert_eq!(rescue.wake(vec![task(id, 0)]).await.expect("answers").tasks, 0);
    let diverged = error(JobError::LOG_DIVERGED);
    assert_eq!(
        rescue
            .fail_parked(vec![task(id, 0)], diverged)
            .await
            .expect("answers")
            .tasks,
        0
    );
    assert_eq!(rescue.expire_reports().await.expect("answers").tasks, 0);
    assert_eq!(store.dispatch().resend(SUBMITS, true).await.expect("answers"), 0);
    assert_eq!(due_tasks(&store, SUBMITS).await, []);
    assert_unclaimable(&store, task(id, 0)).await;
    assert_eq!(job(&store, id).await, ended);
}

/// One receipt per partition, however many tasks wrote into it; some acknowledgements carried no offset (P21).
pub async fn receipts_of_tasks_are_merged_by_partition(store: impl Fixture) {
    let id = accept(&store, submit(&store, 3)).await.id;
    let blind = Receipt {
        first_offset: None,
        last_offset: None,
        events: 2,
        without_offset: 2,
        ..receipt(2, 0, 0)
    };
    for (no, receipts) in [
        (0, vec![receipt(1, 40, 44), receipt(0, 7, 11)]),
        (1, vec![receipt(0, 2, 4), blind.clone()]),
        (2, vec![receipt(2, 9, 9), receipt(1, 50, 50)]),
    ] {
        let events = receipts.iter().map(|receipt| receipt.events).sum();
        let published = Published {
            events,
            receipts,
            marks: Vec::new(),
        };
        work(&store, task(id, no), Outcome::Published(published)).await;
    }
    let view = job(&store, id).await;
    let with = |events, without_offset, receipt| Receipt {
        events,
        without_offset,
        ..receipt
    };
    assert_eq!(
        view.receipts,
        [
            with(8, 0, receipt(0, 2, 11)),
            with(6, 0, receipt(1, 40, 50)),
            with(3, 2, receipt(2, 9, 9)),
        ]
    );
    assert_eq!(view.progress.published, 17);
}

/// The ends of tasks leave the highest record of each partition, whatever order they come in, flushed.
pub async fn p17_the_marks_keep_the_highest_record_of_each_partition(mut store: impl Fixture) {
    let id = accept(&store, submit(&store, 4)).await.id;
    let mark = |partition, offset, event: &str| RecordMark {
        partition,
        offset,
        event_id: event.to_owned(),
    };
    assert_eq!(store.attempts().log_marks().await.expect("answers"), []);
    for (no, marks) in [
        (0, vec![mark(1, 5, "a")]),
        (1, vec![mark(0, 9, "b"), mark(1, 4, "c")]),
        (2, vec![mark(0, 10, "d")]),
        (3, Vec::new()),
    ] {
        let published = Published {
            events: 1,
            receipts: Vec::new(),
            marks,
        };
        work(&store, task(id, no), Outcome::Published(published)).await;
    }
    store.reopen();
    let mut marks = store.attempts().log_marks().await.expect("answers");
    marks.sort_by_key(|mark| mark.partition);
    assert_eq!(marks, [mark(0, 10, "d"), mark(1, 5, "a")]);
}

/// What is acknowledged by the log in its place is kept again, however low it stands.
pub async fn p17_marks_of_a_log_that_was_given_up_are_forgotten(mut store: impl Fixture) {
    let id = accept(&store, submit(&store, 2)).await.id;
    let end = |offset| {
        Outcome::Published(Published {
            events: 1,
            receipts: Vec::new(),
            marks: vec![RecordMark {
                partition: 0,
                offset,
                event_id: format!("event {offset}"),
            }],
        })
    };
    work(&store, task(id, 0), end(9)).await;
    store.attempts().forget_log_marks().await.expect("answers");
    store.reopen();
    assert_eq!(store.attempts().log_marks().await.expect("answers"), []);
    work(&store, task(id, 1), end(0)).await;
    let marks = store.attempts().log_marks().await.expect("answers");
    assert_eq!(marks.iter().map(|mark| mark.offset).collect::<Vec<_>>(), [0]);
}

/// A transient failure waits on the boot clock; the job goes on running, the history says why.
pub async fn p8_a_back_off_counts_on_the_boot_clock(store: impl Fixture) {
    let id = accept(&store, submit(&store, 1)).await.id;
    let after = work(&store, task(id, 0), transient("kafka is away")).await;
    assert_eq!(after, (TaskState::Queued, JobState::Running));
    assert_eq!(due_tasks(&store, SUBMITS).await, []);
    let wait = store
        .dispatch()
        .next_due(SUBMITS)
        .await
        .expect("answers")
        .expect("it waits");
    assert!(
        wait > Duration::ZERO && wait <= Backoff::TASK.ceiling(1),
        "{wait:?}"
    );
    store.clock().jump_wall(3_600_000);
    assert_unclaimable(&store, task(id, 0)).await;
    store.clock().jump_wall(-7_200_000);
    store.clock().pass(wait);
    assert_eq!(due_tasks(&store, SUBMITS).await, [task(id, 0)]);
    assert_eq!(claim(&store, task(id, 0)).await.attempt, 2);
    let first = job(&store, id).await.attempts[0].clone();
    assert_eq!((first.n, first.error.as_deref()), (1, Some("kafka is away")));
    assert!(first.ended_at.is_some());
}

/// The ceiling of the back-off doubles, and there is no limit on tries.
pub async fn a_back_off_grows_and_tries_have_no_limit(store: impl Fixture) {
    let id = accept(&store, submit(&store, 1)).await.id;
    let mut longest = Duration::ZERO;
    for failures in 1..=40 {
        work(&store, task(id, 0), transient("away")).await;
        let wait = store
            .dispatch()
            .next_due(SUBMITS)
            .await
            .expect("answers")
            .expect("it waits");
        assert!(
            wait <= Backoff::TASK.ceiling(failures),
            "{wait:?} after {failures}"
        );
        longest = longest.max(wait);
        store.clock().pass(wait);
    }
    // Thirty draws below half a minute are all below three seconds once in 10³⁰ runs.
    assert!(longest > Duration::from_secs(3), "{longest:?}");
    assert_eq!(
        work(&store, task(id, 0), done(EVENTS)).await.1,
        JobState::Succeeded
    );
}

/// A clean stop costs no time.
pub async fn a_task_handed_back_is_due_at_once(store: impl Fixture) {
    let id = accept(&store, submit(&store, 1)).await.id;
    let lease = claim(&store, task(id, 0)).await.lease;
    let finished = finish(&store, lease, hand_back()).await;
    let expected = Finished {
        task: Some(TaskState::Queued),
        job: Some(JobState::Running),
        woke: vec![SUBMITS],
    };
    assert_eq!(finished, expected);
    assert_eq!(due_tasks(&store, SUBMITS).await, [task(id, 0)]);
    assert_eq!(claim(&store, task(id, 0)).await.attempt, 2);
}

/// What was delivered twice is not shown as more than there is.
pub async fn a_later_attempt_does_not_count_the_same_events_twice(store: impl Fixture) {
    let id = accept(&store, submit(&store, 1)).await.id;
    work(&store, task(id, 0), Outcome::HandBack(published(4))).await;
    assert_eq!(job(&store, id).await.progress.published, 4);
    work(&store, task(id, 0), done(EVENTS)).await;
    assert_eq!(job(&store, id).await.progress.published, EVENTS);
}

/// Each visible change has a revision of its own, from 1 on.
pub async fn the_revision_starts_at_one_and_rises_with_each_visible_change(store: impl Fixture) {
    let id = accept(&store, submit(&store, 2)).await.id;
    let mut revisions = vec![job(&store, id).await.revision];
    let lease = claim(&store, task(id, 0)).await.lease;
    revisions.push(job(&store, id).await.revision);
    beat(&store, lease, 3).await;
    revisions.push(job(&store, id).await.revision);
    finish(&store, lease, done(EVENTS)).await;
    revisions.push(job(&store, id).await.revision);
    let lease = claim(&store, task(id, 1)).await.lease;
    revisions.push(job(&store, id).await.revision);
    store.clock().pass(LEASE + Duration::from_millis(1));
    rescue(&store).await;
    revisions.push(job(&store, id).await.revision);
    assert_eq!(finish(&store, lease, done(1)).await, FENCED);
    work(&store, task(id, 1), transient("away")).await;
    revisions.push(job(&store, id).await.revision);
    cancel(&store, id).await;
    revisions.push(job(&store, id).await.revision);
    assert_eq!(revisions[0], 1);
    assert!(revisions.windows(2).all(|two| two[0] < two[1]), "{revisions:?}");
}
