//! Durable accepts of one-event submits a second: `api` alone, its brokers away, beside a handler that stores nothing;
//! and the embedded product, which does the jobs at the same time.

use std::time::Duration;

use super::deployment::Deployment;
use crate::limits::bare_handler;
use crate::load::{CONNECTIONS, submit_for};
use crate::measure::Samples;
use crate::plan::Plan;
use crate::process::Server;
use crate::progress::say;
use crate::row::{Goal, Limit, Row};

pub(super) async fn run(plan: &Plan) -> Vec<Row> {
    let (mut bare, mut alone, mut embedded) = (Samples::default(), Samples::default(), Samples::default());
    for _ in plan.repetitions() {
        let limit = rate(plan, &bare_handler::start()).await;
        let brokers = rate(plan, &Deployment::brokers_away(plan).api).await;
        let whole = rate(plan, &Deployment::embedded(plan).api).await;
        say(&format!(
            "accepts/s: {brokers:.0}, embedded {whole:.0}, bare {limit:.0}"
        ));
        bare.push(limit);
        alone.push(brokers);
        embedded.push(whole);
    }
    let limit = Limit {
        what: "a handler that stores nothing".to_owned(),
        samples: bare,
    };
    let row = |what: &str, figure, goal| Row {
        what: format!("accept, {CONNECTIONS} connections, {what}"),
        unit: "jobs/s",
        figure,
        limit: Some(limit.clone()),
        goal,
        durability: "each job flushed before its `202`",
    };
    vec![
        row("`brokers`, RabbitMQ away", alone, Some(Goal::LeastOfLimit(0.5))),
        row("`embedded`, jobs done beside it", embedded, None),
    ]
}

async fn rate(plan: &Plan, server: &Server) -> f64 {
    submit_for(server.address, Duration::from_secs(plan.pick(3, 1))).await;
    submit_for(server.address, Duration::from_secs(plan.pick(10, 2))).await
}
