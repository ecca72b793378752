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
use crate::usage::{Spent, SpentSoFar, processor_us};

pub(super) async fn run(plan: &Plan) -> Vec<Row> {
    let (mut bare, mut alone, mut embedded) = (Figure::default(), Figure::default(), Figure::default());
    for _ in plan.repetitions() {
        let handler = bare_handler::start();
        bare.measure("bare handler", plan, &handler).await;
        drop(handler);
        let deployment = Deployment::brokers_away(plan);
        alone.measure("api", plan, &deployment.api).await;
        drop(deployment);
        let deployment = Deployment::embedded(plan);
        embedded.measure("api, embedded", plan, &deployment.api).await;
    }
    alone.spent.beside(bare.spent);
    let limit = Limit {
        what: "a handler that stores nothing".to_owned(),
        samples: bare.rate,
    };
    let row = |what: &str, figure: Figure, goal| Row {
        what: format!("accept, {CONNECTIONS} connections, {what}"),
        unit: "jobs/s",
        figure: figure.rate,
        limit: Some(limit.clone()),
        goal,
        spent: figure.spent,
        durability: "each job flushed before its `202`",
    };
    vec![
        row("`brokers`, RabbitMQ away", alone, Some(Goal::LeastOfLimit(0.5))),
        row("`embedded`, jobs done beside it", embedded, None),
    ]
}

/// The rate of one server, and where the time went.
#[derive(Default)]
struct Figure {
    rate: Samples,
    spent: Spent,
}

impl Figure {
    async fn measure(&mut self, name: &'static str, plan: &Plan, server: &Server) {
        submit_for(server.address, Duration::from_secs(plan.pick(3, 1))).await;
        let before = SpentSoFar::from([(name, processor_us(server.pid()))]);
        let flow = submit_for(server.address, Duration::from_secs(plan.pick(10, 2))).await;
        let after = SpentSoFar::from([(name, processor_us(server.pid()))]);
        self.spent.push(&before, &after, flow.jobs);
        say(&format!("{name}: {:.0} jobs/s", flow.jobs_per_s()));
        self.rate.push(flow.jobs_per_s());
    }
}
