//! From a submit of one event to the report that includes it, over real brokers; nothing else is going on.

use std::time::{Duration, Instant};

use serde_json::json;

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
    let pairs = plan.pick(200, 40);
    let mut submitted = 0;
    repetition(&mut client, pairs, &mut submitted).await;
    let (mut p50, mut p99) = (Samples::default(), Samples::default());
    for _ in plan.repetitions() {
        let latencies = repetition(&mut client, pairs, &mut submitted).await;
        p50.push(latencies.percentile_ms(0.5));
        p99.push(latencies.percentile_ms(0.99));
        say(&format!(
            "submit to report: p50 {:.2} ms",
            latencies.percentile_ms(0.5)
        ));
    }
    let row = |share: &str, figure, goal| Row {
        what: format!("submit → report with `after`, idle, {share}"),
        unit: "ms",
        figure,
        limit: None,
        goal,
        durability: "accepts, event in Kafka and ends flushed",
    };
    vec![row("p50", p50, Some(Goal::AtMost(25.0))), row("p99", p99, None)]
}

async fn repetition(client: &mut Client, pairs: u64, submitted: &mut u64) -> Latencies {
    let mut latencies = Latencies::default();
    for _ in 0..pairs {
        let began = Instant::now();
        let submit = client.submitted(events::submit_body(*submitted)).await;
        let report = client.asked_for_report(&json!({"after": [submit]})).await;
        let job = client.succeeded(&report).await;
        latencies.push(began.elapsed());
        *submitted += 1;
        assert_eq!(
            job["report"]["events"], *submitted,
            "the report includes the submit"
        );
        tokio::time::sleep(PAUSE).await;
    }
    latencies
}
