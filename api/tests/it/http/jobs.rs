//! Jobs are read, waited for, listed and cancelled.

use std::time::Duration;

use poem::Body;
use poem::http::{Method, StatusCode};
use serde_json::json;
use shared::job::{JobId, JobState};

use super::service::Service;

/// Far above what any of these takes, far below the 60 s that a wait asks for.
const SOON: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_job_has_its_links_and_no_null() {
    let service = Service::start();
    let id = service.store.submit(JobState::Queued);
    let answer = service.get(&format!("/jobs/{id}")).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("etag"), "W/\"7-1\"");
    assert_eq!(answer.header("vary"), "Prefer");
    assert_eq!(answer.header("cache-control"), "private, no-cache");
    assert_eq!(answer.header("retry-after"), "30", "it is an old job");
    assert_eq!(
        answer.json(),
        json!({
            "id": id, "kind": "submit", "state": "queued", "revision": 1,
            "created_at": "1970-01-01T00:00:01.000Z",
            "progress": {"received": 0, "rejected": 0, "published": 0}, "receipts": [], "attempts": [],
            "links": {
                "self": format!("/jobs/{id}"), "stream": format!("/jobs/{id}/stream"),
                "cancel": format!("/jobs/{id}/cancel")
            }
        })
    );
}

#[tokio::test]
async fn p2_what_the_client_has_is_not_sent_again() {
    let service = Service::start();
    let id = service.store.submit(JobState::Succeeded);
    let uri = format!("/jobs/{id}");
    for (seen, status) in [
        ("W/\"7-1\"", StatusCode::NOT_MODIFIED),
        ("W/\"6-1\"", StatusCode::OK),
        ("W/\"7-2\"", StatusCode::OK),
    ] {
        let answer = service
            .send(Method::GET, &uri, &[("if-none-match", seen)], Body::empty())
            .await;
        assert_eq!(answer.status, status, "{seen}");
        assert_eq!(answer.header("etag"), "W/\"7-1\"");
    }
    let waiting = format!("{uri}?wait=60");
    // An ended job does not change: waiting for that would be in vain.
    let waited = service.send(
        Method::GET,
        &waiting,
        &[("if-none-match", "W/\"7-1\"")],
        Body::empty(),
    );
    assert_eq!(
        tokio::time::timeout(SOON, waited).await.unwrap().status,
        StatusCode::NOT_MODIFIED
    );
}

#[tokio::test]
async fn a_list_in_several_lines_is_one_list() {
    let service = Service::start();
    let id = service.store.submit(JobState::Succeeded);
    let headers = [
        ("if-none-match", "\"other\""),
        ("if-none-match", "W/\"7-1\""),
        ("prefer", "respond-async"),
        ("prefer", "wait=5"),
    ];
    let answer = service
        .send(Method::GET, &format!("/jobs/{id}"), &headers, Body::empty())
        .await;
    assert_eq!(answer.status, StatusCode::NOT_MODIFIED);
    assert_eq!(answer.header("preference-applied"), "wait=5");
}

#[tokio::test]
async fn the_advice_when_to_look_again_grows_and_ends_with_the_job() {
    let service = Service::start();
    let made = service.send(Method::POST, "/submit/1", &[], Body::empty()).await;
    assert_eq!(made.header("retry-after"), "1");
    let uri = made.header("location").to_owned();
    assert_eq!(service.get(&uri).await.header("retry-after"), "1");
    let id: JobId = made.json()["id"].as_str().unwrap().parse().unwrap();
    service.change(id, |job| job.created_at = job.created_at.plus_millis(-100_000));
    assert_eq!(service.get(&uri).await.header("retry-after"), "10");
    service.change(id, |job| job.state = JobState::Succeeded);
    assert_eq!(service.get(&uri).await.header("retry-after"), "");
}

#[tokio::test]
async fn a_wait_ends_with_the_job_and_not_before() {
    let service = Service::start();
    let id = service.store.submit(JobState::Queued);
    let uri = format!("/jobs/{id}");
    let waiting = service.send(Method::GET, &uri, &[("prefer", "wait=60")], Body::empty());
    let changing = async {
        service.change(id, |job| job.state = JobState::Running);
        tokio::task::yield_now().await;
        service.change(id, |job| job.state = JobState::Succeeded);
    };
    let (answer, ()) = tokio::time::timeout(SOON, async { tokio::join!(waiting, changing) })
        .await
        .unwrap();
    assert_eq!(answer.json()["state"], "succeeded");
    assert_eq!(answer.header("preference-applied"), "wait=60");
}

#[tokio::test]
async fn with_an_etag_a_wait_ends_at_the_next_change() {
    let service = Service::start();
    let id = service.store.submit(JobState::Queued);
    let uri = format!("/jobs/{id}?wait=60");
    let waiting = service.send(
        Method::GET,
        &uri,
        &[("if-none-match", "W/\"7-1\""), ("prefer", "wait=5")],
        Body::empty(),
    );
    let changing = async { service.change(id, |job| job.state = JobState::Running) };
    let (answer, ()) = tokio::time::timeout(SOON, async { tokio::join!(waiting, changing) })
        .await
        .unwrap();
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.json()["state"], "running");
    assert_eq!(answer.header("preference-applied"), "", "the parameter wins");
}

#[tokio::test]
async fn at_shutdown_a_wait_answers_at_once() {
    let service = Service::start();
    let id = service.store.submit(JobState::Queued);
    let uri = format!("/jobs/{id}?wait=60");
    let stopping = async { service.shutdown.cancel() };
    let both = async { tokio::join!(service.get(&uri), stopping) };
    let (answer, ()) = tokio::time::timeout(SOON, both).await.unwrap();
    assert_eq!(answer.json()["state"], "queued");
}

#[tokio::test]
async fn a_list_goes_on_at_its_cursor_and_nowhere_else() {
    let service = Service::start();
    for _ in 0..5 {
        service.store.submit(JobState::Queued);
    }
    let mut uri = "/jobs?limit=2&state=queued&state=running".to_owned();
    let mut sizes = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = service.get(&uri).await.json();
        let jobs = page["jobs"].as_array().unwrap();
        assert!(
            jobs.iter()
                .all(|job| job.get("receipts").is_none() && job.get("attempts").is_none())
        );
        sizes.push(jobs.len());
        let Some(next) = page.get("next") else { break };
        next.as_str().unwrap().clone_into(&mut cursor);
        uri = format!("/jobs?limit=2&state=running&state=queued&cursor={cursor}");
    }
    assert_eq!(sizes, [2, 2, 1]);
    for uri in [format!("/jobs?cursor={cursor}"), "/jobs?cursor=1".to_owned()] {
        let answer = service.get(&uri).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert_eq!(answer.json()["code"], "bad_parameter");
    }
}

#[tokio::test]
async fn p14_a_cancel_may_be_repeated_until_the_job_ended_otherwise() {
    let service = Service::start();
    for (state, status) in [
        (JobState::Queued, StatusCode::OK),
        (JobState::Running, StatusCode::ACCEPTED),
        (JobState::Succeeded, StatusCode::CONFLICT),
    ] {
        let id = service.store.submit(state);
        for _ in 0..2 {
            let uri = format!("/jobs/{id}/cancel");
            let answer = service.send(Method::POST, &uri, &[], Body::empty()).await;
            assert_eq!(answer.status, status, "{state}");
            let location = if status == StatusCode::ACCEPTED {
                format!("/jobs/{id}")
            } else {
                String::new()
            };
            assert_eq!(answer.header("location"), location);
        }
    }
}
