//! Step 2: what is accepted is there whole, and what is only staged is not (P1, P3, P4).

use std::time::Duration;

use uuid::Uuid;

use super::build::{chunk, done, reject, submit, task};
use super::fixture::{BACKLOG_LIMIT, Fixture};
use super::steps::{accept, cancel, job, rescue, state, work};
use crate::job::{JobFilter, JobId, JobState, Progress};
use crate::ports::{InputChunk, JobLookup, NewJob, RejectRecord, StoreError, UploadId};

/// An upload that was silent for so long is dead to every store.
const LONG_SILENCE: Duration = Duration::from_secs(30 * 60);
/// No live client is silent for longer.
const SHORT_SILENCE: Duration = Duration::from_secs(5 * 60);

/// Accepts a submit of two tasks with input and rejects, and looks at each part.
pub async fn p1_an_accepted_job_is_visible_with_all_it_brought(store: impl Fixture) {
    let new = NewJob {
        received: 22,
        rejected: 2,
        chunks: vec![chunk(0, 0), chunk(0, 5), chunk(1, 12)],
        rejects: vec![reject(3), reject(9)],
        ..submit(&store, 2)
    };
    let id = new.id;
    let accepted = accept(&store, new.clone()).await;
    assert_eq!(
        (accepted.id, accepted.state, accepted.revision),
        (id, JobState::Queued, 1)
    );
    assert_eq!(
        (&accepted.request, accepted.created_at),
        (&new.request, new.created_at)
    );
    let counts = Progress {
        received: 22,
        rejected: 2,
        published: 0,
    };
    assert_eq!(accepted.progress, counts);
    assert_eq!(
        (accepted.started_at, accepted.ended_at, accepted.expires_at),
        (None, None, None)
    );
    assert_eq!(
        (&accepted.report, &accepted.error, accepted.retry_of),
        (&None, &None, None)
    );
    assert_eq!((accepted.receipts.len(), accepted.attempts.len()), (0, 0));
    assert_eq!(job(&store, id).await, accepted);
    assert_eq!(
        bodies(&store, id, 0).await,
        ["task 0, from 0\n", "task 0, from 5\n"]
    );
    assert_eq!(bodies(&store, id, 1).await, ["task 1, from 12\n"]);
    assert_eq!(bodies(&store, id, 2).await, [""; 0]);
    assert_eq!(reject_lines(&store, id).await, [3, 9]);
}

/// The accept is flushed: the next process finds the same.
pub async fn p2_an_accepted_job_is_found_by_the_next_process(mut store: impl Fixture) {
    let new = NewJob {
        chunks: vec![chunk(0, 0)],
        rejects: vec![reject(4)],
        rejected: 1,
        ..submit(&store, 1)
    };
    let accepted = accept(&store, new).await;
    store.reopen();
    assert_eq!(job(&store, accepted.id).await, accepted);
    assert_eq!(bodies(&store, accepted.id, 0).await, ["task 0, from 0\n"]);
    assert_eq!(reject_lines(&store, accepted.id).await, [4]);
}

/// Staged parts come first, what the accept brings itself comes last.
pub async fn p1_staged_chunks_become_the_jobs_input_in_order(store: impl Fixture) {
    let upload = new_upload();
    stage(&store, upload, vec![chunk(0, 0), chunk(0, 5)], vec![reject(2)])
        .await
        .expect("staged");
    stage(&store, upload, vec![chunk(1, 10)], vec![reject(30)])
        .await
        .expect("staged");
    let new = NewJob {
        upload: Some(upload),
        chunks: vec![chunk(1, 15)],
        rejects: vec![reject(31)],
        rejected: 3,
        ..submit(&store, 2)
    };
    let id = accept(&store, new).await.id;
    assert_eq!(
        bodies(&store, id, 0).await,
        ["task 0, from 0\n", "task 0, from 5\n"]
    );
    assert_eq!(
        bodies(&store, id, 1).await,
        ["task 1, from 10\n", "task 1, from 15\n"]
    );
    assert_eq!(reject_lines(&store, id).await, [2, 30, 31]);
}

/// One upload makes one job.
pub async fn p1_an_upload_is_accepted_once(store: impl Fixture) {
    let upload = new_upload();
    stage(&store, upload, vec![chunk(0, 0)], Vec::new())
        .await
        .expect("staged");
    let first = accept(&store, under(&store, upload)).await.id;
    assert_refused(&store, upload).await;
    assert_eq!(bodies(&store, first, 0).await, ["task 0, from 0\n"]);
}

/// Nothing of an upload shows before its accept.
pub async fn p1_what_is_only_staged_is_not_visible(store: impl Fixture) {
    let (id, upload) = (JobId::generate(), new_upload());
    stage(&store, upload, vec![chunk(0, 0)], vec![reject(1)])
        .await
        .expect("staged");
    assert_eq!(
        store.reader().job(id, 0).await.expect("answers"),
        JobLookup::Unknown
    );
    let listed = store
        .reader()
        .list(&JobFilter::default(), None, 10)
        .await
        .expect("answers");
    assert_eq!(listed.jobs, []);
    assert_eq!(store.reader().open_jobs().await.expect("answers"), []);
    assert_eq!(bodies(&store, id, 0).await, [""; 0]);
}

/// Who comes back after the sweep is told so, with a chunk and with an accept.
pub async fn p1_a_lapsed_upload_takes_no_chunk_and_no_accept(store: impl Fixture) {
    let upload = new_upload();
    stage(&store, upload, vec![chunk(0, 0)], vec![reject(1)])
        .await
        .expect("staged");
    store.clock().pass(LONG_SILENCE);
    assert_eq!(sweep(&store).await, 1);
    assert_eq!(sweep(&store).await, 0, "it is swept once");
    let late = stage(&store, upload, vec![chunk(0, 5)], Vec::new()).await;
    assert!(matches!(late, Err(StoreError::UploadLapsed)), "{late:?}");
    assert_refused(&store, upload).await;
}

/// An upload that is renewed outlives one that is not, and its chunks are all there.
pub async fn p1_the_sweep_spares_live_uploads(store: impl Fixture) {
    let (dead, live) = (new_upload(), new_upload());
    stage(&store, dead, vec![chunk(0, 0)], Vec::new())
        .await
        .expect("staged");
    for part in 0..7 {
        stage(&store, live, vec![chunk(0, part)], Vec::new())
            .await
            .expect("staged");
        store.clock().pass(SHORT_SILENCE);
    }
    assert_eq!(sweep(&store).await, 1);
    assert_refused(&store, dead).await;
    let id = accept(&store, under(&store, live)).await.id;
    assert_eq!(bodies(&store, id, 0).await.len(), 7);
}

/// Once accepted, an upload's chunks are a job's: no later sweep takes them.
pub async fn p1_the_sweep_spares_the_input_of_jobs(store: impl Fixture) {
    let upload = new_upload();
    stage(&store, upload, vec![chunk(0, 0)], vec![reject(6)])
        .await
        .expect("staged");
    let id = accept(&store, under(&store, upload)).await.id;
    store.clock().pass(LONG_SILENCE);
    assert_eq!(sweep(&store).await, 0);
    assert_eq!(bodies(&store, id, 0).await, ["task 0, from 0\n"]);
    assert_eq!(reject_lines(&store, id).await, [6]);
}

/// The lease of an upload counts on the boot clock.
pub async fn p8_a_jump_of_the_wall_clock_lapses_no_upload(store: impl Fixture) {
    let upload = new_upload();
    stage(&store, upload, vec![chunk(0, 0)], Vec::new())
        .await
        .expect("staged");
    store.clock().jump_wall(24 * 3_600_000);
    assert_eq!(sweep(&store).await, 0);
    store.clock().jump_wall(-48 * 3_600_000);
    store.clock().pass(LONG_SILENCE);
    assert_eq!(sweep(&store).await, 1);
}

/// A body that is refused leaves nothing, and no job can be made of it.
pub async fn p1_a_discarded_upload_cannot_be_accepted(store: impl Fixture) {
    let upload = new_upload();
    stage(&store, upload, vec![chunk(0, 0)], vec![reject(1)])
        .await
        .expect("staged");
    store.accept().discard(upload).await.expect("discarded");
    assert_refused(&store, upload).await;
    store
        .accept()
        .discard(new_upload())
        .await
        .expect("an unknown one is nothing to discard");
}

/// An accept names an upload that was never opened.
pub async fn p1_an_upload_that_was_never_opened_is_refused(store: impl Fixture) {
    assert_refused(&store, new_upload()).await;
}

/// Who does not know whether the accept took effect gives it again, and gets the job as it is now.
pub async fn p3_the_same_accept_again_makes_no_second_job(store: impl Fixture) {
    let new = NewJob {
        chunks: vec![chunk(0, 0)],
        rejects: vec![reject(1)],
        ..submit(&store, 1)
    };
    let first = accept(&store, new.clone()).await;
    assert_eq!(accept(&store, new.clone()).await, first);
    assert_eq!(bodies(&store, first.id, 0).await, ["task 0, from 0\n"]);
    assert_eq!(reject_lines(&store, first.id).await, [1]);
    work(&store, task(first.id, 0), done(10)).await;
    assert_eq!(accept(&store, new).await.state, JobState::Succeeded);
    let listed = store
        .reader()
        .list(&JobFilter::default(), None, 10)
        .await
        .expect("answers");
    assert_eq!(listed.jobs.len(), 1);
}

/// Above the limit nothing is taken in, and what was taken in can still be worked on and cancelled.
pub async fn p4_the_backlog_limit_refuses_accepts_until_a_job_ends(store: impl Fixture) {
    let mut last = None;
    for _ in 0..BACKLOG_LIMIT {
        last = Some(accept(&store, submit(&store, 1)).await.id);
    }
    let last = last.expect("the limit is not zero");
    let refused = submit(&store, 1);
    let answer = store.accept().accept(refused.clone()).await;
    assert!(matches!(answer, Err(StoreError::Busy { .. })), "{answer:?}");
    assert_eq!(
        store.reader().unknown(&[refused.id]).await.expect("answers"),
        [refused.id]
    );
    let staged = stage(&store, new_upload(), vec![chunk(0, 0)], Vec::new()).await;
    assert!(matches!(staged, Err(StoreError::Busy { .. })), "{staged:?}");
    assert_eq!(rescue(&store).await.tasks, 0);
    assert_eq!(cancel(&store, last).await.0, "cancelled");
    assert_eq!(accept(&store, refused.clone()).await.state, JobState::Queued);
    assert_eq!(state(&store, refused.id).await, JobState::Queued);
}

fn new_upload() -> UploadId {
    UploadId(Uuid::now_v7())
}

fn under(store: &impl Fixture, upload: UploadId) -> NewJob {
    NewJob {
        upload: Some(upload),
        ..submit(store, 1)
    }
}

async fn stage(
    store: &impl Fixture,
    upload: UploadId,
    chunks: Vec<InputChunk>,
    rejects: Vec<RejectRecord>,
) -> Result<(), StoreError> {
    store.accept().stage(upload, chunks, rejects).await
}

async fn sweep(store: &impl Fixture) -> u64 {
    store.accept().sweep_uploads().await.expect("the store sweeps")
}

async fn assert_refused(store: &impl Fixture, upload: UploadId) {
    let new = under(store, upload);
    let id = new.id;
    let answer = store.accept().accept(new).await;
    assert!(matches!(answer, Err(StoreError::UploadLapsed)), "{answer:?}");
    assert_eq!(store.reader().unknown(&[id]).await.expect("answers"), [id]);
}

async fn bodies(store: &impl Fixture, root: JobId, task: u32) -> Vec<String> {
    let mut bodies = Vec::new();
    for index in 0.. {
        let chunk = store
            .attempts()
            .input(super::build::task(root, task), index)
            .await
            .expect("answers");
        let Some(chunk) = chunk else { break };
        assert_eq!((chunk.task, chunk.events), (task, 5));
        bodies.push(String::from_utf8_lossy(&chunk.body).into_owned());
    }
    bodies
}

async fn reject_lines(store: &impl Fixture, id: JobId) -> Vec<u64> {
    let rejects = store.reader().rejects(id, 0, 100).await.expect("answers");
    rejects.into_iter().map(|reject| reject.line).collect()
}
