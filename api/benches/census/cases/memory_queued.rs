//! Memory of `api` while jobs queue up that nobody does: what it holds must not grow with the queue.

use super::deployment::Deployment;
use crate::brokers::Brokers;
use crate::load::submit_jobs;
use crate::measure::Samples;
use crate::plan::Plan;
use crate::progress::say;
use crate::row::{Goal, Limit, Row};
use crate::usage::{Spent, resident_mib};

/// What counts as flat: an allocator is not a straight line.
const FLAT: f64 = 1.1;

pub(super) async fn run(plan: &Plan) -> Vec<Row> {
    let brokers = Brokers::start(&plan.ground);
    let (few, many): (u64, u64) = plan.pick((100_000, 1_000_000), (10_000, 50_000));
    let (mut with_few, mut with_many) = (Samples::default(), Samples::default());
    for _ in plan.repetitions() {
        let deployment = Deployment::over(&brokers, plan);
        let api = &deployment.api;
        submit_jobs(api.address, few).await;
        let before = resident_mib(api.pid());
        submit_jobs(api.address, many - few).await;
        let after = resident_mib(api.pid());
        say(&format!(
            "resident: {before:.1} MiB with {few} queued jobs, {after:.1} MiB with {many}"
        ));
        with_few.push(before);
        with_many.push(after);
    }
    vec![Row {
        what: format!("resident memory of `api`, {many} queued jobs"),
        unit: "MiB",
        figure: with_many,
        limit: Some(Limit {
            what: format!("{few} queued jobs"),
            samples: with_few,
        }),
        goal: Some(Goal::MostOfLimit(FLAT)),
        spent: Spent::default(),
        durability: "each job flushed before its `202`",
    }]
}
