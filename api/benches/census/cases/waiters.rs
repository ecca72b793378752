//! Clients that wait for one job, all at a time: what they cost `api` while nothing happens, and how soon the last of
//! them has its answer after the job has ended.

use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::task::JoinSet;

use super::deployment::Deployment;
use crate::events;
use crate::measure::Samples;
use crate::plan::Plan;
use crate::progress::say;
use crate::row::{Limit, Row};
use crate::usage::{Spent, files_max, processor_us, resident_mib};

/// Descriptors that a process needs beside its connections.
const OTHER_FILES: u64 = 200;
/// How long is looked at those who wait.
const WATCHED: Duration = Duration::from_secs(5);

/// What one repetition measured.
struct Waited {
    idle_mib: f64,
    waiting_mib: f64,
    /// Of one processor, while one waits and nothing happens.
    one_percent: f64,
    /// The same while all wait.
    all_percent: f64,
    answered_ms: f64,
}

pub(super) async fn run(plan: &Plan) -> Vec<Row> {
    let clients = plan
        .pick(10_000, 2_000)
        .min(files_max().saturating_sub(OTHER_FILES));
    let [mut idle, mut waiting, mut one, mut all, mut answered] = std::array::from_fn(|_| Samples::default());
    for _ in plan.repetitions() {
        let waited = repetition(plan, clients).await;
        say(&format!(
            "{clients} wait: {:.1} MiB, {:.2}% of a processor, answered in {:.0} ms",
            waited.waiting_mib, waited.all_percent, waited.answered_ms
        ));
        idle.push(waited.idle_mib);
        waiting.push(waited.waiting_mib);
        one.push(waited.one_percent);
        all.push(waited.all_percent);
        answered.push(waited.answered_ms);
    }
    let row = |what: String, unit, figure| Row {
        what,
        unit,
        figure,
        limit: None,
        goal: None,
        spent: Spent::default(),
        durability: "the job's end flushed",
    };
    let beside = |what: &str, samples, row: Row| Row {
        limit: Some(Limit {
            what: what.to_owned(),
            samples,
        }),
        ..row
    };
    let memory = format!("resident memory of `api`, {clients} clients wait for a job");
    let idling = format!("of a processor for `api`, {clients} clients wait");
    let end = format!("end of a job → the last of {clients} waiting clients has it");
    vec![
        beside("nobody waits", idle, row(memory, "MiB", waiting)),
        beside("one waits", one, row(idling, "%", all)),
        row(end, "ms", answered),
    ]
}

async fn repetition(plan: &Plan, clients: u64) -> Waited {
    let deployment = Deployment::brokers_away(plan);
    let pid = deployment.api.pid();
    let mut client = deployment.client().await;
    let id = client.submitted(events::submit_body(0)).await;
    let idle_mib = resident_mib(pid);
    let mut waiting = JoinSet::new();
    wait(&deployment, &id, 1, &mut waiting).await;
    let one_percent = processor_percent(pid).await;
    wait(&deployment, &id, clients - 1, &mut waiting).await;
    let all_percent = processor_percent(pid).await;
    let waiting_mib = resident_mib(pid);
    let began = Instant::now();
    client.cancelled(&id).await;
    while let Some(job) = waiting.join_next().await {
        assert_eq!(job.expect("no waiter panics")["state"], "cancelled");
    }
    Waited {
        idle_mib,
        waiting_mib,
        one_percent,
        all_percent,
        answered_ms: began.elapsed().as_secs_f64() * 1e3,
    }
}

/// Lets so many more wait, and gives the last of them time to arrive.
async fn wait(deployment: &Deployment, id: &str, clients: u64, waiting: &mut JoinSet<Value>) {
    for _ in 0..clients {
        let (mut client, id) = (deployment.client().await, id.to_owned());
        waiting.spawn(async move { client.waited(&id).await });
    }
    tokio::time::sleep(WATCHED).await;
}

/// Of one processor, from now on for a while.
async fn processor_percent(pid: u32) -> f64 {
    let before = processor_us(pid);
    tokio::time::sleep(WATCHED).await;
    (processor_us(pid) - before) / WATCHED.as_secs_f64() / 1e4
}
