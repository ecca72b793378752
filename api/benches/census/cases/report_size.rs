//! A report over ever more events, all at the same thousand places: what it costs must not grow with history. The
//! projection is filled through the public door: one embedded process, imports of NDJSON, each event of another user.
//! Beside it, at one of the sizes, a report within a span of time that holds them all: that one counts the events.

use std::process::Command;
use std::time::Instant;

use serde_json::{Value, json};

use super::deployment::Deployment;
use crate::client::Client;
use crate::events;
use crate::measure::{Latencies, Samples};
use crate::plan::Plan;
use crate::progress::say;
use crate::row::{Goal, Limit, Row};
use crate::usage::Spent;

pub(super) async fn run(plan: &Plan) -> Vec<Row> {
    let sizes: &[u64] = plan.pick(
        &[10_000, 100_000, 1_000_000, 10_000_000][..],
        &[10_000, 100_000, 300_000][..],
    );
    let spanned = plan.pick(1_000_000, 100_000);
    let deployment = Deployment::embedded(plan);
    let mut client = deployment.client().await;
    let (mut measured, mut spans) = (Vec::new(), Samples::default());
    let mut filled = 0;
    for size in sizes {
        say(&format!("filling the projection up to {size} events"));
        let id = client.imported(events::ndjson(filled..*size)).await;
        client.succeeded(&id).await;
        settle();
        filled = *size;
        let asked = plan.pick(100, 20);
        measured.push((*size, reports(plan, &mut client, &json!({}), *size, asked).await));
        if *size == spanned {
            let span = json!({ "from": "1970-01-01T00:00:00Z" });
            spans = reports(plan, &mut client, &span, *size, plan.pick(10, 3)).await;
        }
    }
    let (least, smallest) = measured.remove(0);
    let limit = Limit {
        what: format!("{least} events"),
        samples: smallest,
    };
    let most = filled;
    let row = |(size, figure): (u64, Samples)| Row {
        what: format!("report by city over {size} events, p50"),
        unit: "ms",
        figure,
        limit: Some(limit.clone()),
        goal: (size == most).then_some(Goal::MostOfLimit(1.2)),
        spent: Spent::default(),
        durability: "accept and end flushed",
    };
    let span = Row {
        what: format!("report by city within a span of {spanned} events, p50"),
        unit: "ms",
        figure: spans,
        limit: None,
        goal: None,
        spent: Spent::default(),
        durability: "accept and end flushed",
    };
    measured.into_iter().map(row).chain([span]).collect()
}

/// Until the system has written what the import left: a flush of a report's end would wait behind it.
fn settle() {
    let done = Command::new("sync").status();
    assert!(done.is_ok_and(|status| status.success()), "`sync` can be run");
}

/// The p50 of such reports, which include all `events`; one sample for each repetition.
async fn reports(plan: &Plan, client: &mut Client, request: &Value, events: u64, asked: u64) -> Samples {
    // Until the last event is counted, and the files are as warm as they get.
    repetition(client, request, events, asked).await;
    let mut p50 = Samples::default();
    for _ in plan.repetitions() {
        let latencies = repetition(client, request, events, asked).await;
        p50.push(latencies.percentile_ms(0.5));
    }
    say(&format!(
        "report {request} over {events} events: p50 {:.2} ms",
        p50.median()
    ));
    p50
}

async fn repetition(client: &mut Client, request: &Value, events: u64, asked: u64) -> Latencies {
    let mut latencies = Latencies::default();
    for _ in 0..asked {
        let began = Instant::now();
        let id = client.asked_for_report(request).await;
        let job = client.succeeded(&id).await;
        latencies.push(began.elapsed());
        assert_eq!(
            job["report"]["events"], events,
            "a report counts every event once"
        );
        assert_eq!(
            job["report"]["rows_total"],
            events::PLACES,
            "every place is in it"
        );
    }
    latencies
}
