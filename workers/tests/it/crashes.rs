//! Processes that die or stop in the middle: others do their work, and nothing is counted twice.

use std::time::Duration;

use shared::job::JobState;
use shared::ports::Projection;

use crate::bench::{Bench, Shape};

#[tokio::test(flavor = "multi_thread")]
async fn p15_what_a_dead_worker_had_published_is_published_again_and_counted_once() {
    let bench = Bench::new().await;
    bench.log.hold_answers();
    let dead = bench.start();
    let id = bench.submit(Shape::ONE_TASK).await;
    // Its events are in the log, and it dies before it learns so.
    bench.log.published(1).await;
    dead.kill();
    bench.log.release_answers();
    bench.clock.pass(bench.lease + Duration::from_secs(1));
    let _alive = bench.start();
    let job = bench.ended(id).await;
    assert_eq!((job.state, job.attempts.len()), (JobState::Succeeded, 2));
    assert_eq!(job.progress.published, Shape::ONE_TASK.total());
    assert_eq!(bench.log.records().await, 2 * Shape::ONE_TASK.total());
    let report = bench.report().await;
    assert_eq!(report.events, Shape::ONE_TASK.total());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_told_to_stop_drains_and_hands_back_its_task() {
    let bench = Bench::new().await;
    bench.log.hold_answers();
    let stopping = bench.start();
    let shape = Shape {
        tasks: 1,
        chunks: 4,
        events: 10,
    };
    let id = bench.submit(shape).await;
    bench.log.published(1).await;
    stopping.ask_to_stop();
    bench.log.release_answers();
    stopping.stopped().await;
    let job = bench.job(id).await;
    assert_eq!(job.state, JobState::Running);
    assert!(
        job.attempts.iter().all(|attempt| attempt.ended_at.is_some()),
        "its lease has to lapse: {job:#?}"
    );
    let _next = bench.start();
    assert_eq!(bench.ended(id).await.state, JobState::Succeeded);
    assert_eq!(bench.report().await.events, shape.total());
}

#[tokio::test(flavor = "multi_thread")]
async fn p16_another_process_projects_on_when_the_projector_dies() {
    let bench = Bench::new().await;
    let first = bench.start();
    let id = bench.submit(Shape::ONE_TASK).await;
    bench.ended(id).await;
    assert_eq!(bench.report().await.events, Shape::ONE_TASK.total());
    let projector = bench.projection.projector().await.unwrap();
    assert_eq!(projector.as_ref(), Some(&first.worker));
    let second = bench.start();
    first.kill();
    bench.clock.pass(bench.lease + Duration::from_secs(1));
    let id = bench.submit(Shape::ONE_TASK).await;
    bench.ended(id).await;
    assert_eq!(bench.report().await.events, 2 * Shape::ONE_TASK.total());
    let projector = bench.projection.projector().await.unwrap();
    assert_eq!(projector.as_ref(), Some(&second.worker));
}

#[tokio::test(flavor = "multi_thread")]
async fn p16_a_projector_that_stops_gives_its_lease_back_at_once() {
    let bench = Bench::new().await;
    let first = bench.start();
    let id = bench.submit(Shape::ONE_TASK).await;
    bench.ended(id).await;
    bench.report().await;
    first.stopped().await;
    assert_eq!(bench.projection.projector().await.unwrap(), None);
    let _second = bench.start();
    let id = bench.submit(Shape::ONE_TASK).await;
    bench.ended(id).await;
    assert_eq!(bench.report().await.events, 2 * Shape::ONE_TASK.total());
}
