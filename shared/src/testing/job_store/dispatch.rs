//! Step 3: what is due is read, sent and marked, and no mark hides a task that was queued again (P5, P6).

use std::time::Duration;

use super::build::{
    REPORTS, SUBMITS, hand_back, park_on_bound, park_on_jobs, report, submit, task, transient,
};
use super::fixture::{Fixture, LEASE};
use super::steps::{
    accept, assert_unclaimable, cancel, claim, claim_any, due, due_tasks, finish, mark_sent, rescue, work,
};
use crate::job::{JobId, QueueName};
use crate::ports::{DueTask, Whose};

/// The window of P5.
const WINDOW: u32 = 10_000;

/// Longest due first, each queue apart, with what the message needs.
pub async fn due_tasks_come_longest_due_first(store: impl Fixture) {
    let first = submit(&store, 2);
    accept(&store, first.clone()).await;
    let waits = accept(&store, report(&store, &[])).await.id;
    store.clock().pass(Duration::from_millis(100));
    let second = accept(&store, submit(&store, 1)).await.id;
    let all = due(&store, SUBMITS).await;
    let tasks: Vec<_> = all.iter().map(|due| due.task).collect();
    assert_eq!(tasks, [task(first.id, 0), task(first.id, 1), task(second, 0)]);
    assert_eq!(all[0].trace, first.trace);
    assert_eq!(due_tasks(&store, REPORTS).await, [task(waits, 0)]);
    let dispatch = store.dispatch();
    let limited = dispatch.due(SUBMITS, 1, Whose::Ours).await.expect("answers");
    assert_eq!((limited.tasks.as_slice(), limited.more), (&all[..1], true));
    let aged = dispatch
        .due(SUBMITS, 10, Whose::LeftBehind(Duration::from_millis(50)))
        .await
        .expect("answers");
    assert_eq!((aged.tasks.as_slice(), aged.more), (&all[..2], false));
}

/// A sent task is out until it is claimed, and can be claimed.
pub async fn a_sent_task_is_outstanding_until_it_is_claimed(store: impl Fixture) {
    let id = accept(&store, submit(&store, 2)).await.id;
    let sent = due(&store, SUBMITS).await;
    assert_eq!(mark_sent(&store, sent.clone()).await, 2);
    assert_eq!(due_tasks(&store, SUBMITS).await, []);
    assert_eq!(outstanding(&store, SUBMITS).await, 2);
    assert_eq!(outstanding(&store, REPORTS).await, 0);
    claim(&store, task(id, 1)).await;
    assert_eq!(outstanding(&store, SUBMITS).await, 1);
    let unknown = DueTask {
        task: task(JobId::generate(), 0),
        ..sent[0].clone()
    };
    assert_eq!(mark_sent(&store, vec![unknown]).await, 0);
    assert_eq!(mark_sent(&store, Vec::new()).await, 0);
}

/// The delivery was quicker than the mark.
pub async fn p6_a_mark_overtaken_by_the_claim_changes_nothing(store: impl Fixture) {
    let id = accept(&store, submit(&store, 1)).await.id;
    let sent = due(&store, SUBMITS).await;
    let lease = claim(&store, task(id, 0)).await.lease;
    assert_eq!(mark_sent(&store, sent).await, 0);
    assert_eq!(outstanding(&store, SUBMITS).await, 0);
    assert_eq!(finish(&store, lease, hand_back()).await.woke, [SUBMITS]);
    assert_eq!(due_tasks(&store, SUBMITS).await, [task(id, 0)]);
}

/// Back-off, hand-back and lapse each raise the dispatch number: an old mark finds nothing to mark.
pub async fn p6_a_late_mark_does_not_hide_a_task_that_was_queued_again(store: impl Fixture) {
    let id = accept(&store, submit(&store, 1)).await.id;
    let mut old = due(&store, SUBMITS).await;
    for way in ["hand back", "back off", "lapse"] {
        let lease = claim(&store, task(id, 0)).await.lease;
        match way {
            "hand back" => drop(finish(&store, lease, hand_back()).await),
            "back off" => {
                finish(&store, lease, transient("away")).await;
                assert_eq!(mark_sent(&store, old.clone()).await, 0, "while it backs off");
                store.clock().pass(Duration::from_secs(1));
            }
            _ => {
                store.clock().pass(LEASE + Duration::from_millis(1));
                assert_eq!(rescue(&store).await.tasks, 1);
            }
        }
        assert_eq!(mark_sent(&store, old.clone()).await, 0, "{way}");
        let again = due(&store, SUBMITS).await;
        assert_eq!(again.len(), 1, "{way}");
        assert!(again[0].dispatch_no > old[0].dispatch_no, "{way}: {again:?}");
        assert_eq!(mark_sent(&store, again.clone()).await, 1, "{way}");
        old = again;
    }
}

/// A park and each wake-up raise the number as well, and a parked task is never marked or sent.
pub async fn p6_a_late_mark_does_not_hide_a_parked_task_or_its_waking(store: impl Fixture) {
    let awaited = accept(&store, submit(&store, 1)).await.id;
    let id = accept(&store, report(&store, &[awaited])).await.id;
    let named = task(id, 0);
    let sent = due(&store, REPORTS).await;
    work(&store, named, park_on_bound(4)).await;
    assert_eq!(mark_sent(&store, sent).await, 0);
    assert_parked(&store, id).await;
    assert_eq!(store.rescue().wake(vec![named]).await.expect("answers").tasks, 1);
    let woken = due(&store, REPORTS).await;
    assert_eq!(woken.len(), 1);
    work(&store, named, park_on_jobs()).await;
    assert_eq!(mark_sent(&store, woken.clone()).await, 0);
    assert_parked(&store, id).await;
    assert_eq!(cancel(&store, awaited).await.0, "cancelled");
    assert_eq!(mark_sent(&store, woken.clone()).await, 0);
    let again = due(&store, REPORTS).await;
    assert_eq!(again.len(), 1);
    assert!(again[0].dispatch_no > woken[0].dispatch_no);
}

async fn assert_parked(store: &impl Fixture, id: JobId) {
    assert_eq!(due_tasks(store, REPORTS).await, []);
    assert_eq!(outstanding(store, REPORTS).await, 0);
    assert_unclaimable(store, task(id, 0)).await;
    assert_eq!(store.dispatch().next_due(REPORTS).await.expect("answers"), None);
}

/// At most ten thousand of one queue are out; claims make room; the other queue is not held up.
pub async fn p5_a_queue_has_a_window_of_its_own(store: impl Fixture) {
    let id = accept(&store, submit(&store, WINDOW + 20)).await.id;
    let waits = accept(&store, report(&store, &[])).await.id;
    let sent = due(&store, SUBMITS).await;
    assert_eq!(sent.len(), WINDOW as usize);
    assert_eq!(mark_sent(&store, sent).await, u64::from(WINDOW));
    assert_eq!(outstanding(&store, SUBMITS).await, u64::from(WINDOW));
    let left = store
        .dispatch()
        .due(SUBMITS, 10, Whose::Ours)
        .await
        .expect("answers");
    assert_eq!((left.tasks.as_slice(), left.more), (&[][..], true));
    assert_eq!(due_tasks(&store, REPORTS).await, [task(waits, 0)]);
    let three = [task(id, 5), task(id, 6), task(id, 7)];
    assert_eq!(claim_any(&store, &three).await.len(), 3);
    let room = due_tasks(&store, SUBMITS).await;
    assert_eq!(
        room,
        [task(id, WINDOW), task(id, WINDOW + 1), task(id, WINDOW + 2)]
    );
}

/// While half of the window is out somebody sends, and nobody takes the rest from them.
pub async fn p5_what_another_should_send_is_left_to_it_while_the_window_is_half_full(store: impl Fixture) {
    const AGE: Duration = Duration::from_secs(2);
    let id = accept(&store, submit(&store, WINDOW)).await.id;
    store.clock().pass(AGE);
    let half: Vec<_> = (0..=WINDOW / 2).map(|no| task(id, no)).collect();
    let sent = due(&store, SUBMITS).await.into_iter().take(half.len()).collect();
    assert_eq!(mark_sent(&store, sent).await, half.len() as u64);
    let dispatch = store.dispatch();
    let left = dispatch
        .due(SUBMITS, 10, Whose::LeftBehind(AGE))
        .await
        .expect("answers");
    assert_eq!((left.tasks.as_slice(), left.more), (&[][..], true));
    let own = dispatch.due(SUBMITS, 10, Whose::Ours).await.expect("answers");
    assert_eq!((own.tasks.len(), own.more), (10, true));
    claim(&store, half[0]).await;
    let swept = dispatch
        .due(SUBMITS, 10, Whose::LeftBehind(AGE))
        .await
        .expect("answers");
    assert_eq!((swept.tasks, swept.more), (own.tasks, true));
}

/// The queue was found empty: what was sent more than two seconds ago is lost.
pub async fn p5_an_empty_queue_has_its_tasks_sent_again_after_two_seconds(store: impl Fixture) {
    let id = accept(&store, submit(&store, 1)).await.id;
    let waits = accept(&store, report(&store, &[])).await.id;
    let sent = due(&store, SUBMITS).await;
    assert_eq!(mark_sent(&store, sent.clone()).await, 1);
    let report = due(&store, REPORTS).await;
    assert_eq!(mark_sent(&store, report).await, 1);
    store.clock().pass(Duration::from_millis(1_900));
    assert_eq!(resend(&store, true).await, 0);
    store.clock().pass(Duration::from_millis(200));
    assert_eq!(
        resend(&store, false).await,
        0,
        "it may wait in a queue that holds messages"
    );
    assert_eq!(resend(&store, true).await, 1);
    assert_eq!(outstanding(&store, SUBMITS).await, 0);
    assert_eq!(due_tasks(&store, SUBMITS).await, [task(id, 0)]);
    assert_eq!(
        mark_sent(&store, sent).await,
        0,
        "P6: the mark of the lost message comes late"
    );
    assert_eq!(
        due_tasks(&store, REPORTS).await,
        [],
        "the other queue was not found empty"
    );
    claim(&store, task(waits, 0)).await;
}

/// Without a sign of loss a task is sent again after a minute, then after two, then after four.
pub async fn p5_the_resend_delay_starts_at_a_minute_and_doubles(store: impl Fixture) {
    accept(&store, submit(&store, 1)).await;
    for delay_s in [60, 120, 240] {
        let sent = due(&store, SUBMITS).await;
        assert_eq!(mark_sent(&store, sent).await, 1, "{delay_s}");
        store.clock().pass(Duration::from_millis(delay_s * 1_000 - 100));
        assert_eq!(resend(&store, false).await, 0, "{delay_s}");
        store.clock().pass(Duration::from_millis(200));
        assert_eq!(resend(&store, false).await, 1, "{delay_s}");
    }
}

/// The wall clock says nothing about when a task was sent.
pub async fn p8_a_jump_of_the_wall_clock_sends_nothing_again(store: impl Fixture) {
    accept(&store, submit(&store, 1)).await;
    let sent = due(&store, SUBMITS).await;
    mark_sent(&store, sent).await;
    store.clock().jump_wall(24 * 3_600_000);
    assert_eq!((resend(&store, true).await, resend(&store, false).await), (0, 0));
    store.clock().jump_wall(-48 * 3_600_000);
    store.clock().pass(Duration::from_secs(3));
    assert_eq!(resend(&store, true).await, 1);
}

/// The dispatcher learns how long it may wait: until the first of those that wait for their time.
pub async fn the_next_due_task_is_the_first_of_those_that_wait(store: impl Fixture) {
    let id = accept(&store, submit(&store, 3)).await.id;
    assert_eq!(next_due(&store).await, None, "what is due now does not wait");
    let mut waits = Vec::new();
    for no in 0..2 {
        work(&store, task(id, no), transient("away")).await;
        waits.push(next_due(&store).await.expect("it waits"));
    }
    assert!(waits[1] <= waits[0], "{waits:?}");
    assert_eq!(store.dispatch().next_due(REPORTS).await.expect("answers"), None);
    store.clock().pass(Duration::from_secs(1));
    assert_eq!(next_due(&store).await, None);
    assert_eq!(due_tasks(&store, SUBMITS).await.len(), 3);
}

async fn outstanding(store: &impl Fixture, queue: QueueName) -> u64 {
    store
        .dispatch()
        .outstanding(queue)
        .await
        .expect("the store answers")
}

async fn resend(store: &impl Fixture, found_empty: bool) -> u64 {
    let resent = store.dispatch().resend(SUBMITS, found_empty).await;
    resent.expect("the store answers")
}

async fn next_due(store: &impl Fixture) -> Option<Duration> {
    store
        .dispatch()
        .next_due(SUBMITS)
        .await
        .expect("the store answers")
}
