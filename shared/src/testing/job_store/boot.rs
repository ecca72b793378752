//! Another boot of the host: a new epoch, and nothing that the old boot's clock counted holds (P2, P8).

use std::time::Duration;

use uuid::Uuid;

use super::build::{
    EVENTS, SUBMITS, bound, chunk, done, park_on_bound, report, submit, task, transient, worker,
};
use super::fixture::Fixture;
use super::steps::{accept, beat, claim, due, due_tasks, finish, job, mark_sent, rescue, work};
use crate::ports::{HeartbeatOutcome, UploadId};

/// The boot clock shortly after a boot: far below all that was counted before.
const EARLY_MS: i64 = 5_000;

/// The epoch rises with a boot, not with a process.
pub async fn p2_another_boot_raises_the_epoch_once(mut store: impl Fixture) {
    let epoch = store.reader().epoch();
    store.reopen();
    assert_eq!(store.reader().epoch(), epoch);
    assert_eq!(store.another().reader().epoch(), epoch);
    reboot(&mut store);
    assert_eq!(store.reader().epoch(), epoch + 1);
    store.reopen();
    assert_eq!(store.reader().epoch(), epoch + 1);
    reboot(&mut store);
    assert_eq!(store.reader().epoch(), epoch + 2);
}

/// A lease of another boot has lapsed, whatever the new boot's clock says.
pub async fn p8_leases_of_another_boot_have_lapsed(mut store: impl Fixture) {
    let id = accept(&store, submit(&store, 1)).await.id;
    let lease = claim(&store, task(id, 0)).await.lease;
    store.reopen();
    assert_eq!(rescue(&store).await.tasks, 0, "another process of the same boot");
    reboot(&mut store);
    assert_eq!(rescue(&store).await.tasks, 1);
    assert_eq!(beat(&store, lease, 1).await, HeartbeatOutcome::Lost);
    assert_eq!(claim(&store, task(id, 0)).await.attempt, 2);
}

/// A back-off does not go on for the days that the old boot's clock was ahead.
pub async fn p8_a_back_off_of_another_boot_is_over(mut store: impl Fixture) {
    let id = accept(&store, submit(&store, 1)).await.id;
    work(&store, task(id, 0), transient("away")).await;
    reboot(&mut store);
    assert_eq!(due_tasks(&store, SUBMITS).await, [task(id, 0)]);
    claim(&store, task(id, 0)).await;
}

/// What was sent under another boot is sent again within the first minute.
pub async fn p8_a_task_sent_under_another_boot_is_sent_again(mut store: impl Fixture) {
    let id = accept(&store, submit(&store, 1)).await.id;
    let sent = due(&store, SUBMITS).await;
    mark_sent(&store, sent).await;
    reboot(&mut store);
    store.clock().pass(Duration::from_secs(61));
    store.dispatch().resend(SUBMITS, false).await.expect("answers");
    assert_eq!(due_tasks(&store, SUBMITS).await, [task(id, 0)]);
}

/// The rescuer of another boot is gone.
pub async fn p8_the_rescuer_of_another_boot_is_gone(mut store: impl Fixture) {
    let ttl = Duration::from_secs(10);
    let held = store
        .rescue()
        .hold_rescuer(&worker("a"), ttl)
        .await
        .expect("answers");
    assert!(held.is_some());
    reboot(&mut store);
    let taken = store
        .rescue()
        .hold_rescuer(&worker("b"), ttl)
        .await
        .expect("answers");
    assert!(taken.is_some_and(|lease| lease.taken_over), "{taken:?}");
}

/// The client of another boot's upload is gone.
pub async fn p8_uploads_of_another_boot_have_lapsed(mut store: impl Fixture) {
    let upload = UploadId(Uuid::now_v7());
    store
        .accept()
        .stage(upload, vec![chunk(0, 0)], Vec::new())
        .await
        .expect("staged");
    reboot(&mut store);
    assert_eq!(store.accept().sweep_uploads().await.expect("answers"), 1);
}

/// A boot changes nothing that can be read of jobs that had ended, and keeps what others wait for.
pub async fn p2_ends_and_bounds_outlast_a_boot(mut store: impl Fixture) {
    let ended = accept(&store, submit(&store, 1)).await.id;
    work(&store, task(ended, 0), done(EVENTS)).await;
    let ended = job(&store, ended).await;
    let waits = accept(&store, report(&store, &[])).await.id;
    work(&store, task(waits, 0), park_on_bound(7)).await;
    reboot(&mut store);
    assert_eq!(job(&store, ended.id).await, ended);
    let parked = store.rescue().parked().await.expect("answers");
    assert_eq!(parked, [(task(waits, 0), bound(7))]);
}

/// Progress shows again at once, although the old boot's clock was ahead.
pub async fn p8_progress_shows_under_another_boot(mut store: impl Fixture) {
    let id = accept(&store, submit(&store, 1)).await.id;
    let lease = claim(&store, task(id, 0)).await.lease;
    beat(&store, lease, 2).await;
    reboot(&mut store);
    rescue(&store).await;
    let lease = claim(&store, task(id, 0)).await.lease;
    beat(&store, lease, 5).await;
    assert_eq!(job(&store, id).await.progress.published, 5);
    assert!(finish(&store, lease, done(EVENTS)).await.task.is_some());
}

fn reboot(store: &mut impl Fixture) {
    store.clock().set_boot(EARLY_MS);
    store.reopen_under_another_boot();
}
