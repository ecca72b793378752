//! Latency of a durable accept when submits come 200 times a second whatever happens, beside a single flush of the
//! same disk at the same pace. Two more at that pace show what the machine adds to a tail: a bare handler that flushes
//! before it answers, and arithmetic.

use super::deployment::Deployment;
use crate::limits::arithmetic::arithmetic_at_rate;
use crate::limits::bare_handler;
use crate::limits::flush::flush_at_rate;
use crate::load::submit_at_rate;
use crate::measure::{Latencies, Percentiles, Samples};
use crate::plan::Plan;
use crate::process::Server;
use crate::row::{Goal, Limit, Row};
use crate::usage::Spent;

/// Submits a second.
const RATE: u32 = 200;

pub(super) async fn run(plan: &Plan) -> Vec<Row> {
    let requests = plan.pick(4_000, 600);
    let (mut flushes, mut arithmetic, mut bare, mut alone, mut embedded) = (
        Percentiles::default(),
        Percentiles::default(),
        Percentiles::default(),
        Percentiles::default(),
        Percentiles::default(),
    );
    for _ in plan.repetitions() {
        flushes.push("flush", &flush_at_rate(&plan.ground, RATE, requests));
        arithmetic.push("arithmetic", &arithmetic_at_rate(RATE, requests));
        let folder = plan.ground.fresh();
        let handler = bare_handler::start_flushing(&folder.path().join("wal"));
        bare.push("bare handler that flushes", &latencies(&handler, requests).await);
        drop(handler);
        let deployment = Deployment::brokers_away(plan);
        alone.push("accept", &latencies(&deployment.api, requests).await);
        drop(deployment);
        let deployment = Deployment::embedded(plan);
        embedded.push("accept, embedded", &latencies(&deployment.api, requests).await);
    }
    let middle = rows("p50", flushes.p50, [alone.p50, embedded.p50, bare.p50], None);
    let goal = Some(Goal::MostOfLimit(2.0));
    let tail = rows("p99", flushes.p99, [alone.p99, embedded.p99, bare.p99], goal);
    let steadiness = Row {
        what: format!("arithmetic of 0.3 ms at {RATE}/s, p99: how steady the processor is"),
        unit: "ms",
        figure: arithmetic.p99,
        limit: None,
        goal: None,
        spent: Spent::default(),
        durability: "nothing",
    };
    tail.into_iter().chain(middle).chain([steadiness]).collect()
}

async fn latencies(api: &Server, requests: u64) -> Latencies {
    submit_at_rate(api.address, RATE, u64::from(RATE)).await;
    submit_at_rate(api.address, RATE, requests).await
}

fn rows(share: &str, flush: Samples, [alone, embedded, bare]: [Samples; 3], goal: Option<Goal>) -> [Row; 3] {
    let limit = Limit {
        what: format!("one flush, {share}"),
        samples: flush,
    };
    let row = |what: &str, figure, goal, durability| Row {
        what: format!("accept at {RATE}/s, {share}, {what}"),
        unit: "ms",
        figure,
        limit: Some(limit.clone()),
        goal,
        spent: Spent::default(),
        durability,
    };
    let each_job = "each job flushed before its `202`";
    [
        row("`brokers`, RabbitMQ away", alone, goal, each_job),
        row("`embedded`, jobs done beside it", embedded, None, each_job),
        row(
            "a bare handler that flushes",
            bare,
            None,
            "four pages before each `202`",
        ),
    ]
}
