//! A long import over real brokers, from its first byte until all is published and until all is counted, beside
//! Kafka's own producer with records of the same size.

use std::time::Instant;

use bytes::Bytes;
use serde_json::json;

use super::deployment::Deployment;
use crate::brokers::Brokers;
use crate::events;
use crate::limits::producer::KafkaTools;
use crate::measure::Samples;
use crate::plan::Plan;
use crate::progress::say;
use crate::row::{Goal, Limit, Row};
use crate::usage::Spent;

pub(super) async fn run(plan: &Plan) -> Vec<Row> {
    let brokers = Brokers::start(&plan.ground);
    let tools = KafkaTools::of(&brokers);
    let record_bytes = events::record_bytes();
    let events: u64 = plan.pick(1_000_000, 100_000);
    import(plan, &brokers, events / 10, &mut Spent::default()).await;
    let mut spent = Spent::default();
    let (mut producer, mut published, mut counted) =
        (Samples::default(), Samples::default(), Samples::default());
    for _ in plan.repetitions() {
        let limit = tools.producer_rate(events, record_bytes);
        let rates = import(plan, &brokers, events, &mut spent).await;
        say(&format!(
            "events/s: published {:.0}, counted {:.0}, Kafka's own producer {limit:.0}",
            rates.published, rates.counted
        ));
        producer.push(limit);
        published.push(rates.published);
        counted.push(rates.counted);
    }
    let limit = Limit {
        what: format!("`ProducerPerformance`, records of {record_bytes} bytes"),
        samples: producer,
    };
    let row = |until: &str, figure, share, spent, durability| Row {
        what: format!("import of {events} NDJSON events, first byte → all {until}"),
        unit: "events/s",
        figure,
        limit: Some(limit.clone()),
        goal: Some(Goal::LeastOfLimit(share)),
        spent,
        durability,
    };
    vec![
        row(
            "published",
            published,
            0.7,
            Spent::default(),
            "accept, events in Kafka and end flushed",
        ),
        row(
            "counted",
            counted,
            0.5,
            spent,
            "the same; counts can be folded again",
        ),
    ]
}

/// Events a second, from the first byte on.
struct Rates {
    published: f64,
    counted: f64,
}

async fn import(plan: &Plan, brokers: &Brokers, events: u64, spent: &mut Spent) -> Rates {
    let deployment = Deployment::over(brokers, plan).with_workers(plan, 2);
    let mut client = deployment.client().await;
    // The whole way once: workers that are still connecting are not what is measured.
    let first = client.submitted(events::submit_body(0)).await;
    client.succeeded(&first).await;
    // Made before, so that the client only sends.
    let blocks: Vec<Bytes> = events::ndjson(0..events).collect();
    let before = deployment.spent();
    let began = Instant::now();
    let id = client.imported(blocks.into_iter()).await;
    client.succeeded(&id).await;
    let published = began.elapsed();
    let report = client.asked_for_report(&json!({"group_by": "country"})).await;
    let report = client.succeeded(&report).await;
    let counted = began.elapsed();
    spent.push(&before, &deployment.spent(), events);
    assert_eq!(
        report["report"]["events"],
        events + 1,
        "a report counts every event once"
    );
    Rates {
        published: events as f64 / published.as_secs_f64(),
        counted: events as f64 / counted.as_secs_f64(),
    }
}
