//! Step 2, idempotency keys: one key stands for one request and its job (contract.md §3).

use std::time::Duration;

use uuid::Uuid;

use super::build::{EVENTS, chunk, done, submit, task};
use super::fixture::{BACKLOG_LIMIT, Fixture, RETENTION};
use super::steps::{accept, cancel, job, work};
use crate::job::{IdempotencyKey, RequestDigest};
use crate::ports::{Accepted, DeleteOutcome, KeptKey, KeyUse, NewJob, StoreError, UploadId};

const MOMENT: Duration = Duration::from_millis(1);

/// A free key is kept with the job, also by the next process.
pub async fn a_key_stands_for_its_job(mut store: impl Fixture) {
    assert_eq!(kept(&store, "k").await, None);
    let id = accept(&store, keyed(&store, "k", 1)).await.id;
    store.reopen();
    let expected = KeptKey {
        request: RequestDigest([1; 32]),
        job: id,
    };
    assert_eq!(kept(&store, "k").await, Some(expected));
    assert_eq!(kept(&store, "K").await, None, "a key is taken as it is");
}

/// Whether the request is the same or another: the caller is told what the key stands for, and nothing is made.
pub async fn the_same_key_makes_no_second_job(store: impl Fixture) {
    let id = accept(&store, keyed(&store, "k", 1)).await.id;
    for request in [1, 2] {
        let new = keyed(&store, "k", request);
        let second = new.id;
        assert_eq!(refused(&store, new).await.job, id);
        assert_eq!(
            store.reader().unknown(&[second]).await.expect("answers"),
            [second]
        );
    }
    let other = accept(&store, keyed(&store, "another", 1)).await.id;
    assert_ne!(other, id);
}

/// Replays are answered before admission control.
pub async fn a_key_is_answered_before_the_backlog_limit(store: impl Fixture) {
    let id = accept(&store, keyed(&store, "k", 1)).await.id;
    for _ in 1..BACKLOG_LIMIT {
        accept(&store, submit(&store, 1)).await;
    }
    let full = store.accept().accept(submit(&store, 1)).await;
    assert!(matches!(full, Err(StoreError::Busy { .. })), "{full:?}");
    assert_eq!(refused(&store, keyed(&store, "k", 1)).await.job, id);
}

/// What was not accepted leaves its key free.
pub async fn a_refused_accept_uses_no_key_up(store: impl Fixture) {
    let new = NewJob {
        upload: Some(UploadId(Uuid::now_v7())),
        ..keyed(&store, "k", 1)
    };
    let refused = store.accept().accept(new).await;
    assert!(matches!(refused, Err(StoreError::UploadLapsed)), "{refused:?}");
    assert_eq!(kept(&store, "k").await, None);
    accept(&store, keyed(&store, "k", 2)).await;
}

/// After an unknown outcome the very same accept is answered with its job.
pub async fn p3_the_same_accept_again_finds_its_own_key(store: impl Fixture) {
    let new = keyed(&store, "k", 1);
    let first = accept(&store, new.clone()).await;
    assert_eq!(accept(&store, new).await, first);
}

/// Two processes use one key at once.
pub async fn uses_of_a_key_at_the_same_time_make_one_job(store: impl Fixture) {
    let another = store.another();
    let (mine, theirs) = (keyed(&store, "k", 1), keyed(&store, "k", 1));
    let ids = [mine.id, theirs.id];
    let (here, there) = (store.accept(), another.accept());
    let (here, there) = tokio::join!(here.accept(mine), there.accept(theirs));
    let winner = match (
        here.expect("the store answers"),
        there.expect("the store answers"),
    ) {
        (Accepted::Made(job), Accepted::KeyKept(kept)) | (Accepted::KeyKept(kept), Accepted::Made(job)) => {
            assert_eq!(kept.job, job.id);
            job.id
        }
        other => panic!("one of the two wins: {other:?}"),
    };
    let unknown = store.reader().unknown(&ids).await.expect("answers");
    assert!(unknown.len() == 1 && unknown[0] != winner);
}

/// The upload of a request whose key was used is still there to be dropped.
pub async fn what_was_staged_under_a_used_key_can_be_discarded(store: impl Fixture) {
    accept(&store, keyed(&store, "k", 1)).await;
    let upload = UploadId(Uuid::now_v7());
    let staged = store.accept().stage(upload, vec![chunk(0, 0)], Vec::new()).await;
    staged.expect("the chunk is staged");
    let new = NewJob {
        upload: Some(upload),
        ..keyed(&store, "k", 1)
    };
    refused(&store, new).await;
    store
        .accept()
        .discard(upload)
        .await
        .expect("the upload is dropped");
    let late = store.accept().stage(upload, vec![chunk(0, 5)], Vec::new()).await;
    assert!(matches!(late, Err(StoreError::UploadLapsed)), "{late:?}");
}

/// A key survives the removal of its job, and is free again once its time is over.
pub async fn a_key_outlives_its_job_and_ends_in_time(store: impl Fixture) {
    let id = accept(&store, keyed(&store, "k", 1)).await.id;
    let lasting = accept(&store, keyed(&store, "lasting", 1)).await.id;
    work(&store, task(id, 0), done(EVENTS)).await;
    let deleted = store.control().delete(id).await.expect("the store answers");
    assert_eq!(deleted, DeleteOutcome::Deleted);
    store.clock().pass(RETENTION - MOMENT);
    purge(&store).await;
    assert_eq!(kept(&store, "k").await.map(|kept| kept.job), Some(id));
    store.clock().pass(MOMENT);
    purge(&store).await;
    assert_eq!(kept(&store, "k").await, None);
    let expected = Some(lasting);
    assert_eq!(
        kept(&store, "lasting").await.map(|kept| kept.job),
        expected,
        "while its job is there, a key stays"
    );
    assert_eq!(job(&store, cancel(&store, lasting).await.1.id).await.id, lasting);
}

/// A submit that uses the key for a request with this digest.
pub fn keyed(store: &impl Fixture, key: &str, request: u8) -> NewJob {
    NewJob {
        key: Some(key_use(key, request)),
        ..submit(store, 1)
    }
}

/// The use of a key for a request with this digest.
///
/// # Panics
/// When it is no key.
#[must_use]
pub fn key_use(key: &str, request: u8) -> KeyUse {
    KeyUse {
        key: key.parse::<IdempotencyKey>().expect("it is a key"),
        request: RequestDigest([request; 32]),
    }
}

async fn kept(store: &impl Fixture, key: &str) -> Option<KeptKey> {
    let key = key.parse().expect("it is a key");
    store.accept().key(&key).await.expect("the store answers")
}

async fn refused(store: &impl Fixture, new: NewJob) -> KeptKey {
    match store.accept().accept(new).await {
        Ok(Accepted::KeyKept(kept)) => kept,
        other => panic!("the key was used: {other:?}"),
    }
}

async fn purge(store: &impl Fixture) {
    store.retention().purge(100).await.expect("the store answers");
}
