//! From a submit of one event to its success, as a client sees it that waits; nothing else is going on.

use std::time::{Duration, Instant};

use super::deployment::Deployment;
use crate::brokers::Brokers;
use crate::client::Client;
use crate::events;
use crate::limits::flush::flush_at_rate;
use crate::measure::{Latencies, Percentiles};
use crate::plan::Plan;
use crate::row::{Goal, Limit, Row};
use crate::usage::Spent;

/// What went before has come to rest.
const PAUSE: Duration = Duration::from_millis(20);
/// About as seldom as this case asks the disk for a flush.
const FLUSHES_PER_S: u32 = 100;

pub(super) async fn run(plan: &Plan) -> Vec<Row> {
    let brokers = Brokers::start(&plan.ground);
    let deployment = Deployment::over(&brokers, plan).with_workers(plan, 2);
    let mut client = deployment.client().await;
    let jobs = plan.pick(200, 40);
    repetition(&mut client, jobs).await;
    let (mut flushes, mut latencies) = (Percentiles::default(), Percentiles::default());
    for _ in plan.repetitions() {
        flushes.push("flush", &flush_at_rate(&plan.ground, FLUSHES_PER_S, jobs));
        latencies.push("submit to succeeded", &repetition(&mut client, jobs).await);
    }
    let row = |share: &str, figure, flush, goal| Row {
        what: format!("submit → `succeeded`, waiting client, idle, {share}"),
        unit: "ms",
        figure,
        limit: Some(Limit {
            what: format!("one flush, {share}"),
            samples: flush,
        }),
        goal,
        spent: Spent::default(),
        durability: "accept, event in Kafka and end flushed",
    };
    vec![
        row("p50", latencies.p50, flushes.p50, Some(Goal::Most(10.0))),
        row("p99", latencies.p99, flushes.p99, None),
    ]
}

async fn repetition(client: &mut Client, jobs: u64) -> Latencies {
    let mut latencies = Latencies::default();
    for n in 0..jobs {
        let began = Instant::now();
        let id = client.submitted(events::submit_body(n)).await;
        client.succeeded(&id).await;
        latencies.push(began.elapsed());
        tokio::time::sleep(PAUSE).await;
    }
    latencies
}
