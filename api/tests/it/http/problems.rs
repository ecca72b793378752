//! Whatever is refused is a problem of one shape.

use poem::Body;
use poem::http::{Method, StatusCode};
use serde_json::json;
use shared::job::{JobId, JobState};

use super::service::Service;

#[tokio::test]
async fn a_problem_has_the_one_shape() {
    let service = Service::start();
    let answer = service.get("/nothing").await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(answer.header("content-type"), "application/problem+json");
    let mut problem = answer.json();
    assert_eq!(problem["request_id"].take().as_str().unwrap().len(), 16);
    assert_eq!(
        problem,
        json!({
            "type": "/problems/not_found", "title": "There is nothing here", "status": 404,
            "detail": "There is nothing at this path; /docs shows what there is.",
            "instance": "/nothing", "code": "not_found", "retryable": false, "request_id": null
        })
    );
}

#[tokio::test]
async fn the_lines_of_the_poc_are_answered_with_the_line_that_works() {
    let service = Service::start();
    for (path, line) in [
        ("/submit/10", "curl -X POST 'http://census.test:8000/submit/10'"),
        ("/report", "curl -X POST 'http://census.test:8000/report'"),
    ] {
        let answer = service
            .send(Method::GET, path, &[("host", "census.test:8000")], Body::empty())
            .await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(answer.header("allow"), "POST");
        let problem = answer.json();
        assert_eq!(problem["code"], "method_not_allowed");
        assert!(problem["detail"].as_str().unwrap().ends_with(line), "{problem}");
    }
    let answer = service
        .send(Method::POST, "/jobs", &[("host", "x'; rm -rf")], Body::empty())
        .await;
    assert_eq!(answer.header("allow"), "GET, HEAD");
    assert!(!answer.body.contains("rm -rf"));
}

#[tokio::test]
async fn an_unknown_or_doubled_parameter_is_refused_on_any_path() {
    let service = Service::start();
    for (method, uri) in [
        (Method::GET, "/healthz?verbose"),
        (Method::GET, "/jobs?stat%65s=queued"),
        (Method::GET, "/jobs/x?wait=1&color=red"),
        (Method::POST, "/submit/3?color=red"),
        (Method::POST, "/report?group_by=city"),
        // Of two that cannot both count neither does.
        (Method::GET, "/jobs?limit=1&limit=2"),
        (Method::POST, "/import?format=csv&%66ormat=ndjson"),
    ] {
        let answer = service.send(method, uri, &[], Body::empty()).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{uri}");
        assert_eq!(answer.json()["code"], "bad_parameter", "{uri}");
    }
}

#[tokio::test]
async fn a_parameter_out_of_its_range_is_named() {
    let service = Service::start();
    let id = service.store.submit(JobState::Queued);
    for (method, uri, detail) in [
        (
            Method::GET,
            "/jobs?limit=0".to_owned(),
            "Parameter `limit`: `0` is not an integer from 1 to 1000.",
        ),
        (
            Method::GET,
            format!("/jobs/{id}?wait=61"),
            "Parameter `wait`: `61` is not an integer from 0 to 60.",
        ),
        (
            Method::POST,
            "/submit/0".to_owned(),
            "Parameter `count`: `0` is not an integer from 1 to 100000.",
        ),
        (
            Method::POST,
            "/submit/%ff".to_owned(),
            "Parameter `count`: it is not text.",
        ),
        (Method::GET, "/jobs?state=lost".to_owned(), "Parameter `state`: "),
        (
            Method::GET,
            "/jobs?created_from=now".to_owned(),
            "Parameter `created_from`: `now` is not a date-time",
        ),
    ] {
        let answer = service.send(method, &uri, &[], Body::empty()).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{uri}");
        let problem = answer.json();
        assert_eq!(problem["code"], "bad_parameter", "{uri}");
        assert!(
            problem["detail"].as_str().unwrap().starts_with(detail),
            "{problem}"
        );
    }
}

#[tokio::test]
async fn a_job_that_never_was_is_told_from_one_that_was_removed() {
    let service = Service::start();
    let removed = service.store.submit(JobState::Succeeded);
    service.store.gone.lock().unwrap().push(removed);
    for (id, status) in [
        ("malformed".to_owned(), StatusCode::NOT_FOUND),
        ("%ff".to_owned(), StatusCode::NOT_FOUND),
        (format!("{{{removed}}}"), StatusCode::NOT_FOUND),
        (removed.to_string().replace('-', ""), StatusCode::NOT_FOUND),
        (removed.to_string().to_uppercase(), StatusCode::GONE),
        (JobId::generate().to_string(), StatusCode::NOT_FOUND),
        (removed.to_string(), StatusCode::GONE),
    ] {
        for below in ["", "/result", "/rejects"] {
            let answer = service.get(&format!("/jobs/{id}{below}")).await;
            assert_eq!(answer.status, status, "{id}{below}");
            assert_eq!(answer.header("cache-control"), "private, no-cache");
        }
    }
}

#[tokio::test]
async fn large_headers_are_refused() {
    let service = Service::start();
    let cookie = "c".repeat(33 * 1024);
    let answer = service
        .send(Method::GET, "/jobs", &[("cookie", &cookie)], Body::empty())
        .await;
    assert_eq!(answer.status, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    assert_eq!(answer.json()["code"], "headers_too_large");
}

#[tokio::test]
async fn a_panic_is_a_problem_without_its_text() {
    let service = Service::start();
    let id = service.store.submit(JobState::Queued);
    *service.store.reads_before_panic.lock().unwrap() = Some(id);
    let answer = service.get(&format!("/jobs/{id}")).await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(answer.json()["code"], "internal");
    assert!(!answer.body.contains("foresaw"));
}
