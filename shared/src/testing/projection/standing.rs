//! What stopped a projector or closed the gate is seen by every process (P17).

use std::time::Duration;

use super::{Folder, ProjectionUnderTest};
use crate::job::{JobError, WorkerId};
use crate::ports::{LogStop, ProjectionError, Standing};
use crate::time::Timestamp;

/// A second process that stops for the same reason has not stopped anew.
pub async fn p17_a_stop_is_seen_by_every_process_since_its_beginning(subject: &dyn ProjectionUnderTest) {
    let (one, other) = (subject.open_all().await, subject.open_all().await);
    assert_eq!(other.standing().await.expect("it answers"), Standing::default());
    let lease = Folder::start(subject).await.lease;
    for (code, since, shown) in [
        (JobError::LOG_DIVERGED, 5, 5),
        (JobError::LOG_DIVERGED, 9, 5),
        (JobError::QUARANTINED_NEWER, 11, 11),
    ] {
        one.stop_projector(&lease, stop(code, since))
            .await
            .expect("the lease is held");
        let standing = other.standing().await.expect("it answers");
        assert_eq!(standing.projector, Some(stop(code, shown)));
        assert_eq!(standing.gate, None);
    }
}

/// A projector that comes back late says nothing of the log.
pub async fn p17_only_the_holder_of_the_lease_stops_and_resumes(subject: &dyn ProjectionUnderTest) {
    let late = Folder::start(subject).await.lease;
    let projection = subject.open_all().await;
    subject.pass(Duration::from_secs(16));
    let lease = projection
        .hold_projector(&WorkerId("successor".to_owned()), Duration::from_secs(15))
        .await
        .expect("it answers")
        .expect("the lease has lapsed");
    let stopped = projection
        .stop_projector(&late, stop(JobError::LOG_DIVERGED, 5))
        .await;
    assert!(matches!(stopped, Err(ProjectionError::Fenced)));
    assert_eq!(projection.standing().await.expect("it answers").projector, None);
    projection
        .stop_projector(&lease, stop(JobError::LOG_DIVERGED, 5))
        .await
        .expect("the lease is held");
    let resumed = projection.resume_projector(&late, JobError::LOG_DIVERGED).await;
    assert!(matches!(resumed, Err(ProjectionError::Fenced)));
    assert!(
        projection
            .standing()
            .await
            .expect("it answers")
            .projector
            .is_some()
    );
}

/// That the log is the right one says nothing of the records in it.
pub async fn p17_a_projector_resumes_from_what_it_is_past(subject: &dyn ProjectionUnderTest) {
    let lease = Folder::start(subject).await.lease;
    let projection = subject.open_all().await;
    projection
        .stop_projector(&lease, stop(JobError::QUARANTINED_NEWER, 5))
        .await
        .expect("the lease is held");
    for (code, stopped) in [
        (JobError::LOG_DIVERGED, true),
        (JobError::QUARANTINED_NEWER, false),
    ] {
        projection
            .resume_projector(&lease, code)
            .await
            .expect("the lease is held");
        let standing = projection.standing().await.expect("it answers");
        assert_eq!(standing.projector.is_some(), stopped, "{code}");
    }
}

/// Beside a stop of the projector, which is another matter.
pub async fn p17_a_closed_gate_is_seen_until_it_opens(subject: &dyn ProjectionUnderTest) {
    let lease = Folder::start(subject).await.lease;
    let (one, other) = (subject.open_all().await, subject.open_all().await);
    one.stop_projector(&lease, stop(JobError::LOG_DIVERGED, 3))
        .await
        .expect("the lease is held");
    one.close_gate(stop(JobError::LOG_DIVERGED, 5))
        .await
        .expect("it answers");
    one.close_gate(stop(JobError::LOG_DIVERGED, 7))
        .await
        .expect("it answers");
    let standing = other.standing().await.expect("it answers");
    assert_eq!(standing.gate, Some(stop(JobError::LOG_DIVERGED, 5)));
    other.open_gate().await.expect("it answers");
    let standing = one.standing().await.expect("it answers");
    assert_eq!((standing.gate, standing.projector.is_some()), (None, true));
}

fn stop(code: &'static str, since_ms: i64) -> LogStop {
    LogStop {
        code,
        cause: format!("because of {code}"),
        since: Timestamp::from_millis(since_ms),
    }
}
