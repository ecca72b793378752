//! What is outside the specification.

use std::sync::Arc;

use poem::Body;
use poem::http::{Method, StatusCode};
use shared::ports::Health;

use super::service::{Component, Service};

#[tokio::test]
async fn only_a_store_that_is_down_is_a_reason_to_send_no_requests() {
    for (components, code, status) in [
        ([("store", true), ("kafka", true)], StatusCode::OK, "ready"),
        ([("store", true), ("kafka", false)], StatusCode::OK, "degraded"),
        (
            [("store", false), ("kafka", true)],
            StatusCode::SERVICE_UNAVAILABLE,
            "not_ready",
        ),
    ] {
        let health = components.map(|(name, up)| Arc::new(Component(name, up)) as Arc<dyn Health>);
        let answer = Service::with_health(health.into()).get("/readyz").await;
        assert_eq!(answer.status, code);
        assert_eq!(answer.json()["status"], status);
        assert_eq!(
            answer.json()["components"][0]["since"],
            "1970-01-01T00:00:00.000Z"
        );
    }
}

#[tokio::test]
async fn a_browser_is_led_to_the_docs_and_a_terminal_is_told_where_things_are() {
    let service = Service::start();
    let accept = [("accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8")];
    let browser = service.send(Method::GET, "/", &accept, Body::empty()).await;
    assert_eq!(
        (browser.status, browser.header("location")),
        (StatusCode::FOUND, "/docs")
    );
    let curl = service
        .send(Method::GET, "/", &[("accept", "*/*")], Body::empty())
        .await;
    assert!(curl.body.contains("/docs") && curl.body.contains("/openapi.json"));
}

#[tokio::test]
async fn every_page_is_there_and_loads_nothing_from_elsewhere() {
    let service = Service::start();
    for (path, content) in [
        ("/", "text/plain; charset=utf-8"),
        ("/docs", "text/html; charset=utf-8"),
        ("/problems/not_found", "text/html; charset=utf-8"),
        ("/openapi.json", "application/json"),
        ("/healthz", "application/json"),
        ("/metrics", "text/plain; version=0.0.4; charset=utf-8"),
    ] {
        let answer = service.get(path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        assert_eq!(answer.header("content-type"), content, "{path}");
        if content.starts_with("text/html") {
            assert!(
                answer
                    .header("content-security-policy")
                    .starts_with("default-src 'self';")
            );
        }
        let head = service.send(Method::HEAD, path, &[], Body::empty()).await;
        assert_eq!(head.status, StatusCode::OK, "{path}");
    }
    assert_eq!(
        service.get("/problems/nonsense").await.status,
        StatusCode::NOT_FOUND
    );
}
