//! From a submit of one event to its success, as a client sees it that waits; nothing else is going on.

use std::time::{Duration, Instant};

use super::deployment::Deployment;
use crate::brokers::Brokers;
use crate::client::Client;
use crate::events;
use crate::measure::{Latencies, Samples};
use crate::plan::Plan;
use crate::progress::say;
use crate::row::{Goal, Row};

/// What went before has come to rest.
const PAUSE: Duration = Duration::from_millis(20);

pub(super) async fn run(plan: &Plan) -> Vec<Row> {
    let brokers = Brokers::start(&plan.ground);
    let deployment = Deployment::over(&brokers, plan).with_workers(plan, 2);
    let mut client = deployment.client().await;
    let jobs = plan.pick(200, 40);
    repetition(&mut client, jobs).await;
    let (mut p50, mut p99) = (Samples::default(), Samples::default());
    for _ in plan.repetitions() {
        let latencies = repetition(&mut client, jobs).await;
        p50.push(latencies.percentile_ms(0.5));
        p99.push(latencies.percentile_ms(0.99));
        say(&format!(
            "submit to succeeded: p50 {:.2} ms",
            latencies.percentile_ms(0.5)
        ));
    }
    let row = |share: &str, figure, goal| Row {
        what: format!("submit → `succeeded`, waiting client, idle, {share}"),
        unit: "ms",
        figure,
        limit: None,
        goal,
        durability: "accept, event in Kafka and end flushed",
    };
    vec![row("p50", p50, Some(Goal::AtMost(10.0))), row("p99", p99, None)]
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
