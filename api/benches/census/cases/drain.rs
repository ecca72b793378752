//! A store full of queued one-event jobs, done by two processes of workers: jobs a second from the first job that
//! moves to the last one that ends.

use std::time::{Duration, Instant};

use super::deployment::Deployment;
use crate::brokers::Brokers;
use crate::client::Client;
use crate::load::submit_jobs;
use crate::measure::Samples;
use crate::plan::Plan;
use crate::progress::say;
use crate::row::{Goal, Row};
use crate::usage::Spent;

/// A two-hundredth of what a drain takes. Looks a hundred times a second cost it a thirtieth.
const LOOK_EVERY: Duration = Duration::from_millis(50);

pub(super) async fn run(plan: &Plan) -> Vec<Row> {
    let brokers = Brokers::start(&plan.ground);
    let jobs: u64 = plan.pick(100_000, 10_000);
    // A Kafka that has just started interprets its code, and compiles it beside what is measured.
    drain(plan, &brokers, jobs / 2, &mut Spent::default()).await;
    let (mut figure, mut spent) = (Samples::default(), Spent::default());
    for _ in plan.repetitions() {
        let rate = drain(plan, &brokers, jobs, &mut spent).await;
        say(&format!("drained {jobs} jobs: {rate:.0} jobs/s"));
        figure.push(rate);
    }
    vec![Row {
        what: format!("drain of {jobs} one-event jobs, two `workers`"),
        unit: "jobs/s",
        figure,
        limit: None,
        goal: Some(Goal::Least(10_000.0)),
        spent,
        durability: "each event in Kafka and each end flushed",
    }]
}

async fn drain(plan: &Plan, brokers: &Brokers, jobs: u64, spent: &mut Spent) -> f64 {
    let mut deployment = Deployment::over(brokers, plan);
    submit_jobs(deployment.api.address, jobs).await;
    let mut client = deployment.client().await;
    let before = deployment.spent();
    deployment.add_workers(plan, 2);
    until(&mut client, &["running", "succeeded"], true).await;
    let began = Instant::now();
    until(&mut client, &["queued", "running"], false).await;
    let time = began.elapsed();
    spent.push(&before, &deployment.spent(), jobs);
    jobs as f64 / time.as_secs_f64()
}

/// Waits until there is a job in one of these states, or none any more.
async fn until(client: &mut Client, states: &[&str], there: bool) {
    while client.any_job(states).await != there {
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
