//! The harness: Census as real processes, and a client with verbs.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// How long a test waits for something that has to happen.
pub(crate) const BOUND: Duration = Duration::from_secs(60);

/// A running `api` and the client's view of it. Killed when dropped.
pub(crate) struct Census {
    child: Child,
    base: String,
    agent: ureq::Agent,
    flags: Vec<String>,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|fault| panic!("{fault} in {}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// The problem, after checking that it is one in every respect that all have in common.
    pub(crate) fn problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json"),
            "{}",
            self.text
        );
        let problem = self.json();
        assert_eq!(problem["code"], code, "{problem}");
        assert_eq!(problem["status"], status, "{problem}");
        assert_eq!(problem["type"], format!("/problems/{code}"), "{problem}");
        for member in ["title", "detail", "instance", "request_id"] {
            assert!(problem[member].is_string(), "no {member} in {problem}");
        }
        problem
    }

    /// The job's id, after checking that this is an acceptance.
    pub(crate) fn accepted(&self) -> String {
        assert_eq!(self.status, 202, "{}", self.text);
        let id = self.json()["id"].as_str().expect("a job has an id").to_owned();
        assert_eq!(self.header("location"), Some(format!("/jobs/{id}").as_str()));
        assert!(
            self.header("retry-after").is_some() && self.header("etag").is_some(),
            "{:?}",
            self.headers
        );
        id
    }
}

impl Census {
    /// The whole product in one process, over `data`.
    pub(crate) fn embedded(data: &Path) -> Self {
        Self::start(vec!["--data-dir".into(), data.display().to_string()])
    }

    /// An `api` with these flags, once it listens.
    pub(crate) fn start(flags: Vec<String>) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_api"))
            .args(["--listen", "127.0.0.1:0"])
            .args(&flags)
            .env("CENSUS_LOG", "warn")
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary under test starts");
        let mut lines = BufReader::new(child.stdout.take().expect("stdout is piped")).lines();
        let base = lines
            .find_map(|line| {
                let line = line.expect("the greeting is text");
                line.split_once("listens on ")
                    .map(|(_, rest)| rest.split(' ').next().expect("split yields one part").to_owned())
            })
            .expect("the greeting names the address");
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(BOUND))
            .build()
            .new_agent();
        Self {
            child,
            base,
            agent,
            flags,
        }
    }

    /// Kills the process with `SIGKILL` and starts another over the same data.
    pub(crate) fn kill_and_restart(mut self) -> Self {
        self.child.kill().expect("the process runs");
        self.child.wait().expect("a killed process ends");
        Self::start(self.flags.clone())
    }

    /// Sends `SIGTERM` and returns the exit code.
    pub(crate) fn terminate(mut self) -> Option<i32> {
        terminate(&mut self.child)
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    pub(crate) fn address(&self) -> &str {
        self.base
            .strip_prefix("http://")
            .expect("the base is an http address")
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.get_with(path, &[])
    }

    pub(crate) fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = self.agent.get(self.url(path));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        answer(request.call())
    }

    /// A `POST` without a body.
    pub(crate) fn post(&self, path: &str) -> Answer {
        answer(self.agent.post(self.url(path)).send_empty())
    }

    pub(crate) fn post_body(&self, path: &str, content_type: &str, body: impl Into<Vec<u8>>) -> Answer {
        let body: Vec<u8> = body.into();
        answer(
            self.agent
                .post(self.url(path))
                .header("content-type", content_type)
                .send(&body[..]),
        )
    }

    /// A `POST` with these headers and this body.
    pub(crate) fn post_with(&self, path: &str, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Answer {
        let mut request = self.agent.post(self.url(path));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body: Vec<u8> = body.into();
        answer(request.send(&body[..]))
    }

    pub(crate) fn delete(&self, path: &str) -> Answer {
        answer(self.agent.delete(self.url(path)).call())
    }

    pub(crate) fn post_json(&self, path: &str, body: &Value) -> Answer {
        self.post_body(path, "application/json", body.to_string())
    }

    pub(crate) fn import(&self, format: &str, body: impl Into<Vec<u8>>) -> Answer {
        self.post_body(
            &format!("/import?format={format}"),
            "application/octet-stream",
            body,
        )
    }

    /// The job once it has ended.
    pub(crate) fn ended(&self, id: &str) -> Value {
        let started = Instant::now();
        loop {
            let answer = self.get(&format!("/jobs/{id}?wait=20"));
            assert_eq!(answer.status, 200, "{}", answer.text);
            let job = answer.json();
            if job["ended_at"].is_string() {
                return job;
            }
            assert!(started.elapsed() < BOUND, "the job does not end: {job}");
        }
    }

    /// The job, which has to succeed.
    pub(crate) fn succeeded(&self, id: &str) -> Value {
        let job = self.ended(id);
        assert_eq!(job["state"], "succeeded", "{job}");
        job
    }

    /// A fresh report with this body.
    pub(crate) fn report(&self, body: &Value) -> Value {
        let id = self.post_json("/report", body).accepted();
        self.succeeded(&id)["report"].clone()
    }
}

impl Drop for Census {
    fn drop(&mut self) {
        // Already gone is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A running `workers` process. Killed when dropped.
pub(crate) struct Workers(Child);

impl Workers {
    pub(crate) fn start(role: &str, flags: &[String]) -> Self {
        let child = Command::new(workers_binary())
            .args(["--role", role])
            .args(flags)
            .env("CENSUS_LOG", "warn")
            .spawn()
            .expect("the binary under test starts");
        Self(child)
    }

    pub(crate) fn kill(mut self) {
        self.0.kill().expect("the process runs");
        self.0.wait().expect("a killed process ends");
    }

    pub(crate) fn terminate(mut self) -> Option<i32> {
        terminate(&mut self.0)
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Cargo names only the binaries of this package; that of `workers` lies beside them.
fn workers_binary() -> PathBuf {
    let path = Path::new(env!("CARGO_BIN_EXE_api")).with_file_name("workers");
    assert!(
        path.exists(),
        "{} is missing: `cargo test --workspace` builds it",
        path.display()
    );
    path
}

fn terminate(child: &mut Child) -> Option<i32> {
    let pid = child.id().to_string();
    let sent = Command::new("kill")
        .args(["-TERM", &pid])
        .status()
        .expect("kill is a program of every Unix");
    assert!(sent.success());
    child.wait().expect("the process is ours").code()
}

fn answer(result: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Answer {
    let response = result.expect("the server answers");
    let headers = response
        .headers()
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap_or_default().to_owned()))
        .collect();
    let status = response.status().as_u16();
    let mut text = String::new();
    response
        .into_body()
        .into_reader()
        .read_to_string(&mut text)
        .expect("answers are text");
    Answer {
        status,
        headers,
        text,
    }
}

/// A data folder that is gone after the test.
pub(crate) fn data_folder() -> TempDir {
    tempfile::tempdir().expect("the system has room for a folder")
}

/// An event in Detroit of this user.
pub(crate) fn event(user: &str) -> Value {
    serde_json::json!({
        "id": user,
        "address": {"city": "Detroit", "state": "MI", "country": "US", "postCode": "48201"},
        "datetime": "2026-11-23T10:00:00Z",
    })
}
