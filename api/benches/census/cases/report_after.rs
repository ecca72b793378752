//! From a submit of one event to the report that includes it, over real brokers; nothing else is going on.

use std::time::{Duration, Instant};

use serde_json::json;

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
    let pairs = plan.pick(200, 40);
    let mut submitted = 0;
    repetition(&mut client, pairs, &mut submitted).await;
    let (mut flushes, mut latencies) = (Percentiles::default(), Percentiles::default());
    for _ in plan.repetitions() {
        flushes.push("flush", &flush_at_rate(&plan.ground, FLUSHES_PER_S, pairs));
        latencies.push(
            "submit to report",
            &repetition(&mut client, pairs, &mut submitted).await,
        );
    }
    let row = |share: &str, figure, flush, goal| Row {
        what: format!("submit → report with `after`, idle, {share}"),
        unit: "ms",
        figure,
        limit: Some(Limit {
            what: format!("one flush, {share}"),
            samples: flush,
        }),
        goal,
        spent: Spent::default(),
        durability: "accepts, event in Kafka and ends flushed",
    };
    vec![
        row("p50", latencies.p50, flushes.p50, Some(Goal::Most(25.0))),
        row("p99", latencies.p99, flushes.p99, None),
    ]
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
