//! A request that is taken becomes a job, and the answer says where it is.

use poem::Body;
use poem::http::{Method, StatusCode};

use super::service::Service;

const EVENT: &str = r#"{"id":"ann","address":{"city":"Chagrin Falls","state":"OH","country":"US"},"datetime":"2026-11-23T10:00:00Z"}"#;

#[tokio::test]
async fn every_way_of_making_a_job_answers_with_the_whole_job() {
    let service = Service::start();
    let events = format!("{{\"events\":[{EVENT}]}}");
    let json = [("content-type", "application/json; charset=UTF-8")];
    let lines = [("content-type", "Application/X-NDJSON; header=present")];
    for (uri, headers, body) in [
        ("/submit", json.as_slice(), events.as_str()),
        ("/submit/3", &[], ""),
        ("/submit/3?wait=9", &[("prefer", "wait=9")], ""),
        ("/import?format=ndjson", &[], EVENT),
        ("/import", &lines, EVENT),
        (
            "/report",
            &[("content-type", "application/x-www-form-urlencoded")],
            "",
        ),
        ("/report", &json, r#"{"group_by":"state"}"#),
    ] {
        let answer = service
            .send(Method::POST, uri, headers, Body::from(body.to_owned()))
            .await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{uri} {}", answer.body);
        let job = answer.json();
        assert_eq!(job["state"], "queued");
        let itself = job["links"]["self"].as_str().unwrap();
        assert_eq!(answer.header("location"), itself);
        assert_eq!(answer.header("content-location"), itself);
        assert_eq!(answer.header("retry-after"), "1");
        assert_eq!(answer.header("etag"), "W/\"7-1\"");
    }
}

#[tokio::test]
async fn the_examples_of_the_specification_work() {
    let service = Service::start();
    let document = service.get("/openapi.json").await.json();
    for (uri, schema) in [("/submit", "SubmitRequest"), ("/report", "ReportRequest")] {
        let example = &document["components"]["schemas"][schema]["example"];
        assert!(example.is_object(), "{schema}");
        let json = [("content-type", "application/json")];
        let answer = service
            .send(Method::POST, uri, &json, Body::from(example.to_string()))
            .await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.body);
    }
}

#[tokio::test]
async fn all_faults_of_a_body_come_back_with_their_places() {
    let service = Service::start();
    let json = [("content-type", "application/json")];
    let body = r#"{"events":[{"id":7,"address":{"city":" ","country":"Atlantis"},"datetime":"soon"}]}"#;
    let answer = service
        .send(Method::POST, "/submit", &json, Body::from(body))
        .await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    let problem = answer.json();
    assert_eq!(problem["code"], "invalid");
    let errors = problem["errors"].as_array().unwrap();
    assert_eq!(errors.len(), 4, "{problem}");
    assert!(
        errors
            .iter()
            .all(|error| error["pointer"].as_str().unwrap().starts_with("#/events/0/"))
    );
}
