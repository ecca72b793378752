//! Clients that wait for one job, all at a time: what they cost `api` while nothing happens, and how soon the last of
//! them has its answer after the job has ended.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::deployment::Deployment;
use crate::client::Client;
use crate::events;
use crate::measure::Samples;
use crate::plan::Plan;
use crate::progress::say;
use crate::row::{Limit, Row};
use crate::usage::{Spent, files_max, processor_us, resident_bytes};

/// Descriptors that a process needs beside its connections.
const OTHER_FILES: u64 = 200;
/// How long they wait before the job ends.
const WATCHED: Duration = Duration::from_secs(5);

/// What one repetition measured.
struct Waited {
    idle_mib: f64,
    waiting_mib: f64,
    /// Of one processor, while nothing happens.
    processor_percent: f64,
    answered_ms: f64,
}

pub(super) async fn run(plan: &Plan) -> Vec<Row> {
    let clients = plan
        .pick(10_000, 2_000)
        .min(files_max().saturating_sub(OTHER_FILES));
    let [mut idle, mut waiting, mut processor, mut answered] = std::array::from_fn(|_| Samples::default());
    for _ in plan.repetitions() {
        let waited = repetition(plan, clients).await;
        say(&format!(
            "{clients} wait: {:.1} MiB, {:.2}% of a processor, answered in {:.0} ms",
            waited.waiting_mib, waited.processor_percent, waited.answered_ms
        ));
        idle.push(waited.idle_mib);
        waiting.push(waited.waiting_mib);
        processor.push(waited.processor_percent);
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
    let memory = Row {
        limit: Some(Limit {
            what: "nobody waits".to_owned(),
            samples: idle,
        }),
        ..row(
            format!("resident memory of `api`, {clients} clients wait for a job"),
            "MiB",
            waiting,
        )
    };
    vec![
        memory,
        row(
            format!("processor of `api`, {clients} clients wait"),
            "%",
            processor,
        ),
        row(
            format!("end of a job → the last of {clients} waiting clients has it"),
            "ms",
            answered,
        ),
    ]
}

async fn repetition(plan: &Plan, clients: u64) -> Waited {
    let deployment = Deployment::brokers_away(plan);
    let pid = deployment.api.pid();
    let mut client = deployment.client().await;
    let id = client.submitted(events::submit_body(0)).await;
    let idle_mib = mib(resident_bytes(pid));
    let mut waiting = JoinSet::new();
    for _ in 0..clients {
        let (mut client, id) = (deployment.client().await, id.clone());
        waiting.spawn(async move { client.waited(&id).await });
    }
    // The last of them has its request read.
    tokio::time::sleep(WATCHED).await;
    let before = processor_us(pid);
    tokio::time::sleep(WATCHED).await;
    let spent = processor_us(pid) - before;
    let waiting_mib = mib(resident_bytes(pid));
    let began = Instant::now();
    client.cancelled(&id).await;
    while let Some(job) = waiting.join_next().await {
        assert_eq!(job.expect("no waiter panics")["state"], "cancelled");
    }
    Waited {
        idle_mib,
        waiting_mib,
        processor_percent: spent / WATCHED.as_secs_f64() / 1e4,
        answered_ms: began.elapsed().as_secs_f64() * 1e3,
    }
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / (1024.0 * 1024.0)
}
