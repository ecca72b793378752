//! One process projects, the others stand by (P8, P16).

use std::sync::Arc;
use std::time::Duration;

use super::ProjectionUnderTest;
use crate::job::WorkerId;
use crate::ports::{FoldBatch, Projection, ProjectionError, ProjectorLease};

const TTL: Duration = Duration::from_secs(15);

/// The holder renews, another one gets nothing.
pub async fn p16_one_projector_at_a_time(subject: &dyn ProjectionUnderTest) {
    let (one, other) = (subject.open().await, subject.open().await);
    let lease = hold(&one, "a").await.expect("it is free");
    for _ in 0..5 {
        subject.pass(TTL / 2);
        assert_eq!(hold(&one, "a").await.as_ref(), Some(&lease));
        assert_eq!(hold(&other, "b").await, None);
    }
    assert_eq!(projector(&other).await.as_deref(), Some("a"));
}

/// So that a holder that comes back is told from its successor.
pub async fn p16_the_token_rises_with_each_holder(subject: &dyn ProjectionUnderTest) {
    let projection = subject.open().await;
    let mut last = i64::MIN;
    for worker in ["a", "b", "a", "a"] {
        let lease = hold(&projection, worker).await.expect("it is free");
        assert!(lease.token > last);
        last = lease.token;
        projection.release_projector(lease).await.expect("it is released");
    }
}

/// By the boot clock, exactly at its end.
pub async fn p8_a_lapsed_lease_is_taken_over(subject: &dyn ProjectionUnderTest) {
    let projection = subject.open().await;
    let first = hold(&projection, "a").await.expect("it is free");
    subject.pass(TTL - Duration::from_millis(1));
    assert_eq!(hold(&projection, "b").await, None);
    subject.pass(Duration::from_millis(1));
    assert_eq!(projector(&projection).await, None);
    let second = hold(&projection, "b").await.expect("it has lapsed");
    assert!(second.token > first.token);
    assert_eq!(hold(&projection, "a").await, None);
    assert_eq!(projector(&projection).await.as_deref(), Some("b"));
}

/// A restart need not wait for the end of the lease.
pub async fn p16_a_released_lease_is_free_at_once(subject: &dyn ProjectionUnderTest) {
    let projection = subject.open().await;
    let lease = hold(&projection, "a").await.expect("it is free");
    projection
        .release_projector(lease.clone())
        .await
        .expect("it is released");
    assert_eq!(projector(&projection).await, None);
    let folded = projection.fold(&lease, FoldBatch::default()).await;
    assert!(matches!(folded, Err(ProjectionError::Fenced)));
    assert!(hold(&projection, "b").await.is_some());
}

/// It is not theirs to give.
pub async fn p16_a_late_release_leaves_the_successor_alone(subject: &dyn ProjectionUnderTest) {
    let projection = subject.open().await;
    let late = hold(&projection, "a").await.expect("it is free");
    subject.pass(TTL);
    hold(&projection, "b").await.expect("it has lapsed");
    projection
        .release_projector(late)
        .await
        .expect("the projection answers");
    assert_eq!(projector(&projection).await.as_deref(), Some("b"));
}

/// It may have another's positions in mind.
pub async fn p16_an_earlier_lease_of_the_same_worker_does_not_fold(subject: &dyn ProjectionUnderTest) {
    let projection = subject.open().await;
    let earlier = hold(&projection, "a").await.expect("it is free");
    projection
        .release_projector(earlier.clone())
        .await
        .expect("it is released");
    hold(&projection, "a").await.expect("it is free");
    let folded = projection.fold(&earlier, FoldBatch::default()).await;
    assert!(matches!(folded, Err(ProjectionError::Fenced)));
}

async fn hold(projection: &Arc<dyn Projection>, worker: &str) -> Option<ProjectorLease> {
    projection
        .hold_projector(&WorkerId(worker.to_owned()), TTL)
        .await
        .expect("the projection answers")
}

async fn projector(projection: &Arc<dyn Projection>) -> Option<String> {
    let holder = projection.projector().await.expect("the projection answers");
    holder.map(|worker| worker.0)
}
