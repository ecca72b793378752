//! Submits, imports, waits, reads rejects and a report, and meets a 422, through progenitor's client.

use client::{Client, types};
use futures::TryStreamExt as _;
use uuid::Uuid;

mod client {
    progenitor::generate_api!(spec = "../../../openapi.yaml", interface = Builder);
}

type Fault = Box<dyn std::error::Error>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fault> {
    let client = Client::new(&std::env::var("CENSUS_URL")?);

    let submitted = client
        .submit_events()
        .body(events(&["Köln", "köln "]))
        .send()
        .await?;
    assert_eq!(submitted.state, types::JobState::Queued);

    let file = std::fs::read(std::env::var("CENSUS_EVENTS")?)?;
    let imported = client
        .import_events()
        .format(types::ImportFormat::Ndjson)
        .body(file)
        .send()
        .await?;

    assert_eq!(
        ended(&client, submitted.id).await?.state,
        types::JobState::Succeeded
    );
    let job = ended(&client, imported.id).await?;
    assert_eq!(job.state, types::JobState::PartiallySucceeded);
    let progress = job.progress.ok_or("a submit has progress")?;
    assert_eq!((progress.received, progress.rejected), (3, 1));

    let rejects = client.list_job_rejects().id(job.id).send().await?;
    let rejects: Vec<bytes::Bytes> = rejects.into_inner_stream().try_collect().await?;
    assert!(String::from_utf8(rejects.concat())?.contains("unknown_state"));

    let request = types::ReportRequest::builder()
        .group_by(types::GroupBy::City)
        .after(vec![submitted.id, imported.id]);
    let report = client.create_report().body(request).send().await?;
    assert_eq!(ended(&client, report.id).await?.state, types::JobState::Succeeded);
    let result = client.get_job_result().id(report.id).send().await?.into_inner();
    let rows: Vec<_> = result
        .rows
        .into_iter()
        .map(|row| (row.country, row.city, row.users, row.events))
        .collect();
    let row =
        |country: &str, city: &str, users, events| (country.to_owned(), Some(city.to_owned()), users, events);
    assert_eq!(rows, [row("US", "Austin", 2, 2), row("DE", "Köln", 1, 2)]);

    let problem = refused(&client).await?;
    assert_eq!(problem.code, "invalid");
    assert_eq!(problem.errors[0].pointer, "#/events/0/address/city");
    println!("rust: ok");
    Ok(())
}

async fn refused(client: &Client) -> Result<types::Problem, Fault> {
    let Err(progenitor_client::Error::ErrorResponse(refusal)) =
        client.submit_events().body(events(&[""])).send().await
    else {
        return Err("a blank city was accepted".into());
    };
    assert_eq!(refusal.status(), 422);
    // Progenitor types `application/json` alone; the problem's bytes are the caller's to read.
    let bytes: Vec<bytes::Bytes> = refusal.into_inner_stream().try_collect().await?;
    Ok(serde_json::from_slice(&bytes.concat())?)
}

fn events(cities: &[&str]) -> types::SubmitRequest {
    let event = |city: &&str| types::UserEvent {
        id: "ann".to_owned(),
        event_id: None,
        address: types::EventAddress {
            city: (*city).to_owned(),
            country: "Germany".to_owned(),
            post_code: None,
            state: None,
        },
        datetime: "2026-11-23T10:00:00Z".to_owned(),
    };
    types::SubmitRequest {
        events: cities.iter().map(event).collect(),
    }
}

async fn ended(client: &Client, id: Uuid) -> Result<types::Job, Fault> {
    for _ in 0..6 {
        let job = client.get_job().id(id).wait(10).send().await?.into_inner();
        if job.ended_at.is_some() {
            return Ok(job);
        }
    }
    Err(format!("job {id} did not end within a minute").into())
}
