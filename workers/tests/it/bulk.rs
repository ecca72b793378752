//! Bulk jobs act on all jobs that match and were accepted before them, once, whoever dies in between.

use std::time::Duration;

use shared::job::{BulkRequest, JobFilter, JobId, JobRequest, JobState};
use shared::ports::{JobControl, JobReader};

use crate::bench::{Bench, Shape};

/// More than a bulk job reads at a time.
const MANY: usize = 450;

#[tokio::test(flavor = "multi_thread")]
async fn a_bulk_cancel_ends_what_matches_and_nothing_else() {
    let bench = Bench::new().await;
    let mut before = Vec::new();
    for _ in 0..MANY {
        before.push(bench.submit(Shape::ONE_TASK).await);
    }
    let spared = bench.submit(Shape::ONE_TASK).await;
    bench.store.cancel(spared).await.unwrap();
    let bulk = bench.bulk(JobRequest::Cancel, JobFilter::default()).await;
    let after = bench.submit(Shape::ONE_TASK).await;
    // The submits are the work of a role that nobody has taken on.
    let _process = bench.start_reporting();
    let job = bench.ended(bulk).await;
    assert_eq!(job.state, JobState::Succeeded);
    assert_eq!((job.progress.received, job.progress.published), (450, 450));
    for id in before {
        assert_eq!(bench.job(id).await.state, JobState::Cancelled);
    }
    assert_eq!(bench.job(after).await.state, JobState::Queued);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bulk_retry_makes_one_new_job_of_each_also_when_it_is_done_again() {
    let bench = Bench::new().await;
    for _ in 0..MANY {
        let id = bench.submit(Shape::ONE_TASK).await;
        bench.store.cancel(id).await.unwrap();
    }
    let bulk = bench.bulk(JobRequest::Retry, JobFilter::default()).await;
    // Its outcome is lost, and it is done once more.
    bench.watched.fail_finishes(1_000);
    let first = bench.start_reporting();
    bench.jobs_reach(2 * MANY + 1).await;
    first.kill();
    bench.watched.fail_finishes(0);
    bench.clock.pass(bench.lease + Duration::from_secs(1));
    let _second = bench.start_reporting();
    let job = bench.ended(bulk).await;
    assert_eq!((job.progress.received, job.progress.published), (450, 450));
    let all = bench
        .store
        .list(&JobFilter::default(), None, 10_000)
        .await
        .unwrap();
    assert_eq!(all.jobs.len(), 2 * MANY + 1, "no second retry of any");
    let retried: std::collections::BTreeSet<JobId> = all.jobs.iter().filter_map(|job| job.retry_of).collect();
    assert_eq!(retried.len(), MANY);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bulk_job_leaves_bulk_jobs_and_what_succeeded_alone() {
    let bench = Bench::new().await;
    let process = bench.start();
    let succeeded = bench.submit(Shape::ONE_TASK).await;
    bench.ended(succeeded).await;
    let nothing = bench.bulk(JobRequest::Retry, JobFilter::default()).await;
    assert_eq!(bench.ended(nothing).await.progress.received, 0);
    let states = vec![JobState::Succeeded];
    let filter = JobFilter {
        states,
        ..JobFilter::default()
    };
    let named = bench.bulk(JobRequest::Retry, filter).await;
    let job = bench.ended(named).await;
    assert_eq!((job.progress.received, job.progress.published), (1, 1));
    process.stopped().await;
}

impl Bench {
    async fn bulk(&self, request: fn(BulkRequest) -> JobRequest, filter: JobFilter) -> JobId {
        self.accept_empty(request(BulkRequest { filter })).await
    }

    async fn jobs_reach(&self, number: usize) {
        let looks = async {
            while self
                .store
                .list(&JobFilter::default(), None, 10_000)
                .await
                .unwrap()
                .jobs
                .len()
                < number
            {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(crate::bench::BOUND, looks)
            .await
            .expect("the jobs are made");
    }
}
