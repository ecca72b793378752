//! What a disk that is short of space still takes (P4).

use super::bench::{Bench, done, finish, submit, task};
use crate::adapters::sqlite::jobs::room::spare_bytes;
use crate::job::JobId;
use crate::ports::{
    AcceptStore, AttemptStore, DeleteOutcome, InputChunk, JobControl, NewJob, NewRetry, Purged,
    RetentionStore, RetryOutcome, StoreError,
};
use crate::time::Timestamp;
use crate::wire::TraceContext;

#[tokio::test]
async fn p4_a_retry_needs_room_and_a_delete_needs_none() {
    let bench = Bench::new();
    let id = ended(&bench, submit(1)).await;
    let store = bench.open_short_of_disk();
    let accepted = store.accept(submit(1)).await;
    assert!(matches!(accepted, Err(StoreError::Busy { .. })), "{accepted:?}");
    let retried = store.retry(retry(id)).await;
    assert!(matches!(retried, Err(StoreError::Busy { .. })), "{retried:?}");
    let unknown = store.retry(retry(JobId::generate())).await.unwrap();
    assert!(matches!(unknown, RetryOutcome::Unknown), "{unknown:?}");
    let deleted = store.delete(id).await.unwrap();
    assert!(matches!(deleted, DeleteOutcome::Deleted), "{deleted:?}");
}

#[tokio::test]
async fn p4_what_a_deleted_job_has_taken_is_free_within_the_file() {
    const BODY_BYTES: usize = 1 << 20;
    let bench = Bench::new();
    let input = InputChunk {
        task: 0,
        first_ordinal: 0,
        events: 1,
        body: vec![b'x'; BODY_BYTES].into(),
    };
    let new = NewJob {
        chunks: vec![input],
        ..submit(1)
    };
    let id = ended(&bench, new).await;
    let store = bench.open("boot");
    let spare = async || store.read("spare_bytes", spare_bytes).await.unwrap();
    assert!(spare().await < BODY_BYTES as u64);
    store.delete(id).await.unwrap();
    while store.purge(100).await.unwrap() != Purged::default() {}
    assert!(spare().await >= BODY_BYTES as u64);
}

/// A job that is over, in a store that is closed.
async fn ended(bench: &Bench, new: NewJob) -> JobId {
    let store = bench.open("boot");
    let id = new.id;
    store.accept(new).await.unwrap();
    let claimed = store.claim(vec![task(id, 0)], &bench.worker).await.unwrap();
    finish(&store, claimed[0].lease, done(10)).await;
    id
}

fn retry(of: JobId) -> NewRetry {
    NewRetry {
        id: JobId::generate(),
        of,
        created_at: Timestamp::MIN,
        trace: TraceContext::generate(),
        key: None,
    }
}
