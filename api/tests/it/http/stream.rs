//! A job is watched: snapshot, changes, end; resumed where it broke off; told as a history.

use std::time::Duration;

use poem::Body;
use poem::http::{Method, StatusCode};
use serde_json::Value;
use shared::job::{JobId, JobState};

use super::service::{Answer, Service};

/// Far above what any of these takes.
const SOON: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_stream_shows_each_change_and_closes_after_the_end() {
    let service = Service::start();
    let id = service.store.submit(JobState::Queued);
    let changing = async {
        service.change(id, |job| job.state = JobState::Running);
        tokio::task::yield_now().await;
        service.change(id, |job| job.state = JobState::Succeeded);
    };
    let (answer, ()) = tokio::join!(watch(&service, id, &[]), changing);
    assert_eq!(answer.header("content-type"), "text/event-stream");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("x-accel-buffering"), "no");
    assert_eq!(answer.header("connection"), "close");
    let frames = frames(&answer);
    assert_eq!(frames[0].name, "job");
    assert_eq!(frames[0].id, "W/\"7-1\"", "the id is that of the ETag");
    assert_eq!(frames[0].data["state"], "queued");
    assert!(frames[0].data.get("receipts").is_none() && frames[0].data.get("attempts").is_none());
    let [.., last, end] = &frames[..] else {
        panic!("{}", answer.body)
    };
    assert_eq!(last.data["state"], "succeeded");
    assert_eq!((end.name.as_str(), end.data.to_string().as_str()), ("end", "{}"));
    assert_eq!(frames.iter().filter(|frame| frame.name == "end").count(), 1);
}

#[tokio::test]
async fn a_stream_goes_on_where_it_broke_off() {
    let service = Service::start();
    let id = service.store.submit(JobState::Running);
    let changing = async { service.change(id, |job| job.state = JobState::Failed) };
    let current = [("last-event-id", "W/\"7-1\"")];
    let (answer, ()) = tokio::join!(watch(&service, id, &current), changing);
    let shown = frames(&answer);
    assert_eq!(
        shown[0].data["state"], "failed",
        "what the client has is not shown again"
    );
    let stale = watch(&service, id, &current).await;
    assert_eq!(frames(&stale).len(), 2, "the job and its end: {}", stale.body);
    let over = watch(&service, id, &[("last-event-id", &shown[0].id)]).await;
    assert_eq!((over.status, over.body.as_str()), (StatusCode::NO_CONTENT, ""));
}

#[tokio::test]
async fn at_shutdown_a_stream_closes_without_an_end() {
    let service = Service::start();
    let id = service.store.submit(JobState::Queued);
    let stopping = async { service.shutdown.cancel() };
    let (answer, ()) = tokio::join!(watch(&service, id, &[]), stopping);
    let frames = frames(&answer);
    assert_eq!(frames.len(), 1);
    assert_eq!(frames[0].name, "job");
}

#[tokio::test]
async fn who_asks_for_json_gets_the_history() {
    let service = Service::start();
    let id = service.store.submit(JobState::Queued);
    let answer = watch(&service, id, &[("accept", "application/json")]).await;
    assert_eq!(answer.header("content-type"), "application/json");
    let history = answer.json();
    assert_eq!(history["history"][0]["step"], "accepted");
    assert_eq!(history["history"][0]["at"], "1970-01-01T00:00:01.000Z");
}

#[tokio::test]
async fn what_is_not_there_cannot_be_watched() {
    let service = Service::start();
    let unknown = watch(&service, JobId::generate(), &[]).await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    assert_eq!(unknown.json()["code"], "not_found");
    let gone = service.store.submit(JobState::Succeeded);
    service.store.gone.lock().unwrap().push(gone);
    assert_eq!(watch(&service, gone, &[]).await.status, StatusCode::GONE);
}

struct Frame {
    name: String,
    id: String,
    data: Value,
}

fn frames(answer: &Answer) -> Vec<Frame> {
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let blocks = answer.body.split("\n\n").filter(|block| !block.is_empty());
    blocks
        .filter(|block| *block != ":")
        .map(|block| {
            let field = |name: &str| {
                let lines = block.lines().filter_map(|line| line.strip_prefix(name));
                lines
                    .map(|value| value.trim_start_matches(": "))
                    .collect::<String>()
            };
            Frame {
                name: field("event"),
                id: field("id"),
                data: serde_json::from_str(&field("data")).expect("data is JSON"),
            }
        })
        .collect()
}

async fn watch(service: &Service, id: JobId, headers: &[(&str, &str)]) -> Answer {
    let uri = format!("/jobs/{id}/stream");
    let watched = service.send(Method::GET, &uri, headers, Body::empty());
    tokio::time::timeout(SOON, watched)
        .await
        .expect("the stream ends")
}
