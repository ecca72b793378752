//! Durable accepts of one-event submits a second: `api` alone, its brokers away, beside a handler that stores nothing;
//! and the embedded product, which does the jobs at the same time.

use std::time::Duration;

use super::deployment::Deployment;
use crate::limits::bare_handler;
use crate::load::{CONNECTIONS, Flow, submit_for};
use crate::measure::Samples;
use crate::plan::Plan;
use crate::process::Server;
use crate::progress::say;
use crate::row::{Goal, Limit, Row};
use crate::usage::Spent;

pub(super) async fn run(plan: &Plan) -> Vec<Row> {
    let (mut bare, mut alone, mut embedded) = (Samples::default(), Figure::default(), Figure::default());
    for _ in plan.repetitions() {
        let handler = bare_handler::start();
        warm_up(plan, &handler).await;
        let limit = load(plan, &handler).await.jobs_per_s();
        drop(handler);
        say(&format!("a handler that stores nothing: {limit:.0} jobs/s"));
        bare.push(limit);
        alone
            .measure("`brokers`", plan, Deployment::brokers_away(plan))
            .await;
        embedded
            .measure("`embedded`", plan, Deployment::embedded(plan))
            .await;
    }
    let limit = Limit {
        what: "a handler that stores nothing".to_owned(),
        samples: bare,
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

/// The rate of accepts in one profile, and where the time went.
#[derive(Default)]
struct Figure {
    rate: Samples,
    spent: Spent,
}

impl Figure {
    async fn measure(&mut self, profile: &str, plan: &Plan, deployment: Deployment) {
        warm_up(plan, &deployment.api).await;
        let before = deployment.spent();
        let flow = load(plan, &deployment.api).await;
        self.spent.push(&before, &deployment.spent(), flow.jobs);
        say(&format!("{profile}: {:.0} jobs/s", flow.jobs_per_s()));
        self.rate.push(flow.jobs_per_s());
    }
}

async fn warm_up(plan: &Plan, server: &Server) {
    submit_for(server.address, Duration::from_secs(plan.pick(3, 1))).await;
}

async fn load(plan: &Plan, server: &Server) -> Flow {
    submit_for(server.address, Duration::from_secs(plan.pick(10, 2))).await
}
