//! A client of Census on one kept-alive connection, with verbs.

use std::convert::Infallible;
use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Either, Full, StreamBody};
use hyper::body::Frame;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

type Body = Either<Full<Bytes>, UnsyncBoxBody<Bytes, Infallible>>;

/// One connection.
pub(crate) struct Client {
    requests: SendRequest<Body>,
    host: String,
}

/// An answer, read to its end.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("the server listens");
        stream
            .set_nodelay(true)
            .expect("every TCP connection has this option");
        let (requests, connection) = handshake(TokioIo::new(stream))
            .await
            .expect("nothing is sent yet that could fail");
        tokio::spawn(connection);
        Self {
            requests,
            host: address.to_string(),
        }
    }

    /// Submits one event; the answer has to be a `202`.
    pub(crate) async fn submit(&mut self, body: Bytes) -> Answer {
        self.post("/submit", "application/json", Either::Left(Full::new(body)))
            .await
    }

    /// Submits one event and returns the job's id.
    pub(crate) async fn submitted(&mut self, body: Bytes) -> String {
        self.submit(body).await.id()
    }

    /// Asks for a report with this body and returns the job's id.
    pub(crate) async fn asked_for_report(&mut self, body: &Value) -> String {
        let body = Either::Left(Full::new(Bytes::from(body.to_string())));
        self.post("/report", "application/json", body).await.id()
    }

    /// Imports NDJSON as a stream and returns the job's id.
    pub(crate) async fn imported(&mut self, blocks: impl Iterator<Item = Bytes> + Send + 'static) -> String {
        let frames = blocks.map(|block| Ok::<_, Infallible>(Frame::data(block)));
        let body = StreamBody::new(futures_util::stream::iter(frames));
        let path = "/import?format=ndjson";
        self.post(
            path,
            "application/octet-stream",
            Either::Right(UnsyncBoxBody::new(body)),
        )
        .await
        .id()
    }

    /// The job once it has succeeded, as a client sees it that waits.
    pub(crate) async fn succeeded(&mut self, id: &str) -> Value {
        loop {
            let job = self.waited(id).await;
            match job["state"].as_str() {
                Some("succeeded") => return job,
                Some("queued" | "running") => {}
                _ => panic!("the job does not succeed: {job}"),
            }
        }
    }

    /// The job once it has ended, if that is within a minute.
    pub(crate) async fn waited(&mut self, id: &str) -> Value {
        self.get(&format!("/jobs/{id}?wait=60")).await
    }

    /// Cancels a job that nobody works on.
    pub(crate) async fn cancelled(&mut self, id: &str) {
        let path = format!("/jobs/{id}/cancel");
        let answer = self
            .send(Method::POST, &path, "", Either::Left(Full::default()))
            .await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text());
    }

    /// Whether any job is in one of these states.
    pub(crate) async fn any_job(&mut self, states: &[&str]) -> bool {
        let states: String = states.iter().map(|state| format!("&state={state}")).collect();
        let list = self.get(&format!("/jobs?limit=1{states}")).await;
        list["jobs"].as_array().is_some_and(|jobs| !jobs.is_empty())
    }

    async fn get(&mut self, path: &str) -> Value {
        let answer = self
            .send(Method::GET, path, "", Either::Left(Full::default()))
            .await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text());
        answer.json()
    }

    async fn post(&mut self, path: &str, content_type: &str, body: Body) -> Answer {
        let answer = self.send(Method::POST, path, content_type, body).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{path}: {}", answer.text());
        answer
    }

    async fn send(&mut self, method: Method, path: &str, content_type: &str, body: Body) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", &self.host);
        if !content_type.is_empty() {
            request = request.header("content-type", content_type);
        }
        let request = request.body(body).expect("paths and headers are ours");
        self.requests
            .ready()
            .await
            .expect("the server keeps the connection");
        let response = self.requests.send_request(request).await;
        let (head, body) = response.expect("the server answers").into_parts();
        let body = body.collect().await.expect("the server ends its answer");
        Answer {
            status: head.status,
            body: body.to_bytes(),
        }
    }
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("answers are JSON")
    }

    fn id(&self) -> String {
        let id = self.json()["id"].as_str().map(str::to_owned);
        id.expect("an accepted request is answered with a job")
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}
