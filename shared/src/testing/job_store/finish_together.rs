//! Step 7: outcomes that are written in one call stand each for itself (P7, P14).

use super::build::{EVENTS, done, submit, task, transient};
use super::fixture::Fixture;
use super::steps::{accept, cancel, claim, finish_together, job};
use crate::job::{JobState, TaskState};
use crate::ports::AttemptEnd;

/// Ends that are written together are each fenced by their own lease: a lost one and one of a cancelled job change
/// nothing for the others, and the answers are in order.
pub async fn p7_ends_that_are_written_together_stand_each_for_itself(mut store: impl Fixture) {
    let mut ends = Vec::new();
    let mut ids = Vec::new();
    for _ in 0..4 {
        let id = accept(&store, submit(&store, 1)).await.id;
        let lease = claim(&store, task(id, 0)).await.lease;
        ids.push(id);
        ends.push(AttemptEnd {
            lease,
            outcome: done(EVENTS),
        });
    }
    ends[1].lease.nonce = ends[1].lease.nonce.wrapping_add(1);
    assert_eq!(cancel(&store, ids[2]).await.0, "cancelling");
    ends[3].outcome = transient("away");
    let finished = finish_together(&store, ends).await;
    let jobs: Vec<_> = finished.iter().map(|finished| finished.job).collect();
    let (succeeded, cancelled, running) = (JobState::Succeeded, JobState::Cancelled, JobState::Running);
    assert_eq!(jobs, [Some(succeeded), None, Some(cancelled), Some(running)]);
    assert_eq!(finished[3].task, Some(TaskState::Queued));
    store.reopen();
    let mut states = Vec::new();
    for id in ids {
        states.push(job(&store, id).await.state);
    }
    assert_eq!(states, [succeeded, running, cancelled, running]);
}

/// All tasks of a job end in one call: it ends once, with the last of them.
pub async fn p7_tasks_whose_ends_are_written_together_end_the_job(store: impl Fixture) {
    let id = accept(&store, submit(&store, 3)).await.id;
    let mut ends = Vec::new();
    for no in 0..3 {
        let lease = claim(&store, task(id, no)).await.lease;
        ends.push(AttemptEnd {
            lease,
            outcome: done(EVENTS),
        });
    }
    let finished = finish_together(&store, ends).await;
    let jobs: Vec<_> = finished.iter().filter_map(|finished| finished.job).collect();
    assert_eq!(jobs, [JobState::Running, JobState::Running, JobState::Succeeded]);
    assert_eq!(job(&store, id).await.progress.published, 3 * EVENTS);
}
