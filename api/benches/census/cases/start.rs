//! From the start of the embedded product on an empty folder to its first `202`.

use std::time::Instant;

use super::deployment::Deployment;
use crate::events;
use crate::measure::Samples;
use crate::plan::Plan;
use crate::progress::say;
use crate::row::{Goal, Row};
use crate::usage::Spent;

pub(super) async fn run(plan: &Plan) -> Vec<Row> {
    first_accept_ms(plan).await;
    let mut figure = Samples::default();
    for _ in plan.repetitions() {
        figure.push(first_accept_ms(plan).await);
    }
    say(&format!("start to first accept: {:.0} ms", figure.median()));
    vec![Row {
        what: "embedded start on an empty folder → first `202`".to_owned(),
        unit: "ms",
        figure,
        limit: None,
        goal: Some(Goal::Most(200.0)),
        spent: Spent::default(),
        durability: "new files and the job flushed before the `202`",
    }]
}

async fn first_accept_ms(plan: &Plan) -> f64 {
    let began = Instant::now();
    let deployment = Deployment::embedded(plan);
    let mut client = deployment.client().await;
    client.submitted(events::submit_body(0)).await;
    began.elapsed().as_secs_f64() * 1e3
}
