//! The most memory that `api` holds while it takes in a long import.

use super::deployment::Deployment;
use crate::events;
use crate::measure::Samples;
use crate::plan::Plan;
use crate::progress::say;
use crate::row::{Goal, Row};
use crate::usage::{Spent, peak_mib};

const MIB: u64 = 1024 * 1024;

pub(super) async fn run(plan: &Plan) -> Vec<Row> {
    let body_bytes = plan.pick(1024 * MIB, 64 * MIB);
    let mut figure = Samples::default();
    for _ in plan.repetitions() {
        let deployment = Deployment::brokers_away(plan);
        let mut client = deployment.client().await;
        let mut sent = 0;
        let blocks = events::ndjson(0..u64::MAX).take_while(move |block| {
            sent += block.len() as u64;
            sent <= body_bytes
        });
        client.imported(blocks).await;
        let peak = peak_mib(deployment.api.pid());
        say(&format!(
            "import of {} MiB: {peak:.1} MiB resident",
            body_bytes / MIB
        ));
        figure.push(peak);
    }
    vec![Row {
        what: format!("resident memory of `api`, import of {} MiB", body_bytes / MIB),
        unit: "MiB",
        figure,
        limit: None,
        goal: Some(Goal::Most(64.0)),
        spent: Spent::default(),
        durability: "accept flushed with its last chunk",
    }]
}
