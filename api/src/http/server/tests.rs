//! What a client on a bare socket sees.

use std::net::SocketAddr;

use poem::endpoint::make_sync;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinHandle;

use super::*;

struct Served {
    address: SocketAddr,
    shutdown: CancellationToken,
    ended: JoinHandle<()>,
}

/// Answers every request with its path.
async fn served() -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    let endpoint = make_sync(|request| Response::builder().body(request.uri().path().to_owned()));
    let ended = tokio::spawn(serve(
        listener,
        endpoint,
        shutdown.clone(),
        Duration::from_secs(5),
    ));
    Served {
        address,
        shutdown,
        ended,
    }
}

impl Served {
    /// All that comes back until the server closes.
    async fn answer_to(&self, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        text
    }

    /// The problem that comes back for what is no request.
    async fn refusal_of(&self, bytes: &[u8]) -> (String, Value) {
        let text = self.answer_to(bytes).await;
        let (head, body) = text.split_once("\r\n\r\n").expect("there is a head");
        let length = format!("content-length: {}", body.len());
        for line in [
            "content-type: application/problem+json",
            "connection: close",
            &length,
        ] {
            assert!(head.contains(line), "no {line} in {head}");
        }
        let status = head.split(' ').nth(1).expect("there is a status");
        (
            status.to_owned(),
            serde_json::from_str(body).expect("the body is JSON"),
        )
    }
}

#[tokio::test]
async fn what_is_no_request_is_refused_with_a_problem() {
    let served = served().await;
    let long_uri = format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "u".repeat(70_000));
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(101));
    let large = format!("GET / HTTP/1.1\r\na: {}\r\n\r\n", "b".repeat(600_000));
    for (bytes, status, code) in [
        ("this is no request\r\n\r\n", "400", "bad_request"),
        ("GET / HTTP/1.1\r\nno header\r\n\r\n", "400", "bad_request"),
        ("GET / HTTP/7.0\r\n\r\n", "400", "bad_request"),
        (
            "POST / HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
            "400",
            "bad_request",
        ),
        (&long_uri, "414", "uri_too_long"),
        (&many, "431", "headers_too_large"),
        (&large, "431", "headers_too_large"),
    ] {
        let (answered, problem) = served.refusal_of(bytes.as_bytes()).await;
        assert_eq!(answered, status, "{problem}");
        assert_eq!(problem["code"], code, "{problem}");
        assert_eq!(problem["status"].to_string(), status, "{problem}");
        assert_eq!(problem["request_id"].as_str().unwrap().len(), 16, "{problem}");
    }
}

#[tokio::test]
async fn a_refusal_follows_the_answers_before_it() {
    let served = served().await;
    let text = served
        .answer_to(b"GET /first HTTP/1.1\r\nhost: x\r\n\r\nno request\r\n\r\n")
        .await;
    assert!(text.starts_with("HTTP/1.1 200 OK"), "{text}");
    assert!(text.contains("/first") && text.contains("bad_request"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_head_that_does_not_come_holds_no_connection() {
    let served = served().await;
    for begun in [
        "",
        "PRI * ",
        "GET / HTTP/1.1\r\nhost: a-name-that-is-long-enough\r\n",
    ] {
        let mut stream = TcpStream::connect(served.address).await.unwrap();
        stream.write_all(begun.as_bytes()).await.unwrap();
        let closed = tokio::time::timeout(HEAD_TIMEOUT * 2, stream.read(&mut [0; 1])).await;
        assert!(closed.is_ok(), "{begun:?} holds its connection");
    }
}

#[tokio::test]
async fn a_shutdown_ends_what_is_idle_at_once() {
    let served = served().await;
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    stream
        .write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    stream.read_u8().await.unwrap();
    served.shutdown.cancel();
    let ended = tokio::time::timeout(Duration::from_secs(4), served.ended).await;
    assert!(ended.is_ok(), "an idle connection holds the server up");
}
