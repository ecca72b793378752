//! Bodies are refused before they are parsed when they are too large, mislabelled or broken off.

use std::task::Poll;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use poem::Body;
use poem::http::{Method, StatusCode};
use tokio::time::Instant;

use super::service::Service;

const JSON: (&str, &str) = ("content-type", "application/json");

#[tokio::test]
async fn a_body_over_the_limit_is_refused_with_and_without_its_length() {
    let service = Service::start();
    let long = "x".repeat(1_001);
    let announced = service.send(
        Method::POST,
        "/submit",
        &[JSON, ("content-length", "1001")],
        Body::empty(),
    );
    let chunks = stream::iter(long.into_bytes()).map(|byte| Ok::<_, std::io::Error>(vec![byte]));
    let streamed = service.send(Method::POST, "/submit", &[JSON], Body::from_bytes_stream(chunks));
    for answer in [announced.await, streamed.await] {
        assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(answer.json()["code"], "too_large");
    }
}

#[tokio::test]
async fn an_import_that_announces_more_than_the_limit_is_refused_unread() {
    let service = Service::start();
    let unread = stream::poll_fn(|_| -> Poll<Option<std::io::Result<Vec<u8>>>> { panic!("it was read") });
    let headers = [("content-length", "1048577"), ("expect", "100-continue")];
    let body = Body::from_bytes_stream(unread);
    let answer = service
        .send(Method::POST, "/import?format=csv", &headers, body)
        .await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(answer.json()["code"], "too_large");
}

#[tokio::test(start_paused = true)]
async fn an_import_that_stalls_is_answered_at_its_timeout() {
    let service = Service::start();
    let began = Instant::now();
    let stalled = Body::from_bytes_stream(stream::pending::<std::io::Result<Vec<u8>>>());
    let answer = service
        .send(Method::POST, "/import?format=csv", &[], stalled)
        .await;
    assert_eq!(answer.json()["code"], "incomplete_body");
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_body_that_breaks_off_or_stalls_is_incomplete() {
    let service = Service::start();
    let broken = stream::iter([Ok(b"{".to_vec()), Err(std::io::Error::other("reset"))]);
    let broken = service.send(Method::POST, "/submit", &[JSON], Body::from_bytes_stream(broken));
    let stalled = stream::pending::<std::io::Result<Vec<u8>>>();
    let stalled = service.send(Method::POST, "/submit", &[JSON], Body::from_bytes_stream(stalled));
    for answer in [broken.await, stalled.await] {
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert_eq!(answer.json()["code"], "incomplete_body");
    }
}

#[tokio::test]
async fn a_wrong_media_type_is_told_which_header_to_add() {
    let service = Service::start();
    let cases: [(&str, &[(&str, &str)]); 10] = [
        ("/submit", &[]),
        (
            "/submit",
            &[("content-type", "application/x-www-form-urlencoded")],
        ),
        ("/submit", &[("content-type", "application/json; charset=latin1")]),
        ("/submit", &[JSON, ("content-encoding", "gzip")]),
        (
            "/submit",
            &[
                JSON,
                ("content-encoding", "identity"),
                ("content-encoding", "gzip"),
            ],
        ),
        ("/report", &[("content-type", "text/plain")]),
        ("/import", &[]),
        ("/import", &[("content-type", "application/json")]),
        (
            "/import?format=csv",
            &[("content-type", "multipart/form-data; boundary=x")],
        ),
        ("/import?format=csv", &[("content-encoding", "zstd")]),
    ];
    for (uri, headers) in cases {
        let answer = service.send(Method::POST, uri, headers, Body::from("{}")).await;
        assert_eq!(
            answer.status,
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "{uri} {headers:?}"
        );
        let problem = answer.json();
        assert_eq!(problem["code"], "unsupported_media_type");
        assert!(
            problem["detail"].as_str().unwrap().contains("-H 'Content-Type: "),
            "{problem}"
        );
    }
}
