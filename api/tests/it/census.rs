//! The harness: Census as real processes, and a client with verbs.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

pub(crate) use crate::answer::Answer;
use crate::answer::answer;
pub(crate) use crate::process::{SIGKILL, StopOnDrop, Workers, send_signal, workers_binary};
use crate::process::{assert_killed, has_ended, terminate};

/// How long a test waits for something that has to happen.
pub(crate) const BOUND: Duration = Duration::from_secs(60);

/// A running `api` and the client's view of it. Killed when dropped.
pub(crate) struct Census {
    child: Child,
    base: String,
    agent: ureq::Agent,
    flags: Vec<String>,
}

impl Census {
    /// The whole product in one process, over `data`.
    pub(crate) fn embedded(data: &Path) -> Self {
        Self::start(vec!["--data-dir".into(), data.display().to_string()])
    }

    /// An `api` with these flags, once it listens.
    pub(crate) fn start(flags: Vec<String>) -> Self {
        match Self::start_armed(flags, "") {
            Ok(census) => census,
            Err(status) => panic!("the api ended while it started: {status}"),
        }
    }

    /// An `api` with these fault points armed, once it listens; how it ended, if it did not get there.
    pub(crate) fn start_armed(flags: Vec<String>, faults: &str) -> Result<Self, ExitStatus> {
        Self::start_with(flags, &[("FAILPOINTS", faults)])
    }

    /// An `api` with these variables, once it listens; how it ended, if it did not get there.
    pub(crate) fn start_with(flags: Vec<String>, variables: &[(&str, &str)]) -> Result<Self, ExitStatus> {
        let mut child = Command::new(env!("CARGO_BIN_EXE_api"))
            .args(["--listen", "127.0.0.1:0"])
            .args(&flags)
            .env("CENSUS_LOG", "warn")
            .envs(variables.iter().copied())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary under test starts");
        let mut lines = BufReader::new(child.stdout.take().expect("stdout is piped")).lines();
        let base = lines.find_map(|line| {
            let line = line.expect("the greeting is text");
            line.split_once("listens on ")
                .map(|(_, rest)| rest.split(' ').next().expect("split yields one part").to_owned())
        });
        let Some(base) = base else {
            return Err(child.wait().expect("the process is ours"));
        };
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(BOUND))
            .build()
            .new_agent();
        Ok(Self {
            child,
            base,
            agent,
            flags,
        })
    }

    /// Waits until the process has died of the `SIGKILL` that a fault point sent it.
    pub(crate) fn killed_itself(mut self) {
        assert_killed(&mut self.child);
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether the process has ended.
    pub(crate) fn has_ended(&mut self) -> bool {
        has_ended(&mut self.child)
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
        self.try_get(path, headers).expect("the server answers")
    }

    /// `None` when the process went away first.
    pub(crate) fn try_get(&self, path: &str, headers: &[(&str, &str)]) -> Option<Answer> {
        let mut request = self.agent.get(self.url(path));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        answer(request.call())
    }

    /// A `POST` without a body.
    pub(crate) fn post(&self, path: &str) -> Answer {
        answer(self.agent.post(self.url(path)).send_empty()).expect("the server answers")
    }

    pub(crate) fn post_body(&self, path: &str, content_type: &str, body: impl Into<Vec<u8>>) -> Answer {
        let body: Vec<u8> = body.into();
        self.try_post(path, &[("content-type", content_type)], &body)
            .expect("the server answers")
    }

    /// `None` when the process went away first.
    pub(crate) fn try_post(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Option<Answer> {
        let mut request = self.agent.post(self.url(path));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        answer(request.send(body))
    }

    /// A `POST` with these headers and this body.
    pub(crate) fn post_with(&self, path: &str, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Answer {
        let body: Vec<u8> = body.into();
        self.try_post(path, headers, &body).expect("the server answers")
    }

    /// `None` when the process went away first.
    pub(crate) fn try_delete(&self, path: &str) -> Option<Answer> {
        answer(self.agent.delete(self.url(path)).call())
    }

    pub(crate) fn delete(&self, path: &str) -> Answer {
        self.try_delete(path).expect("the server answers")
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
