//! The clients of a storm: each sends what its own random numbers say, and writes down everything.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use super::history::{Answered, Ask, AskedReport, History, What};
use super::load;

/// Longer than any wait of the API, shorter than a fault.
const PATIENCE: Duration = Duration::from_secs(15);
/// Jobs that a client remembers to ask about.
const REMEMBERED: usize = 40;
/// Between two requests.
const PACE: Duration = Duration::from_millis(40);

/// One client.
pub(super) struct Client<'s> {
    number: usize,
    base: &'s str,
    agent: ureq::Agent,
    history: &'s History,
    rng: ChaCha8Rng,
    /// Jobs that it made, the last ones.
    jobs: VecDeque<String>,
    ended: VecDeque<String>,
    /// Keyed requests that were not answered with a job yet.
    open: Vec<Request>,
    /// Keyed requests that were, to be repeated on purpose.
    done: VecDeque<Request>,
    keys: u64,
}

/// A request with all that it takes to send it again.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) ask: Ask,
    pub(super) path: String,
    pub(super) media_type: &'static str,
    pub(super) body: Vec<u8>,
}

impl<'s> Client<'s> {
    pub(super) fn new(number: usize, seed: u64, base: &'s str, history: &'s History) -> Self {
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(PATIENCE))
            .build()
            .new_agent();
        Self {
            number,
            base,
            agent,
            history,
            rng: ChaCha8Rng::seed_from_u64(seed.wrapping_add(number as u64)),
            jobs: VecDeque::new(),
            ended: VecDeque::new(),
            open: Vec::new(),
            done: VecDeque::new(),
            keys: 0,
        }
    }

    /// Sends until `stop`; then repeats what was not answered.
    pub(super) fn run(mut self, stop: &AtomicBool, answers: &AtomicU64) {
        while !stop.load(Ordering::Relaxed) {
            self.next();
            answers.fetch_add(1, Ordering::Relaxed);
            std::thread::park_timeout(PACE);
        }
        for request in std::mem::take(&mut self.open) {
            self.make(request);
        }
    }

    fn next(&mut self) {
        if !self.open.is_empty() && self.rng.random_bool(0.3) {
            let request = self.open.swap_remove(0);
            return self.make(request);
        }
        match self.rng.random_range(0..100) {
            0..22 => self.make_keyed(load::events),
            22..30 => self.make_keyed(load::sample),
            30..40 => self.make_keyed(load::import),
            40 => self.make_keyed(load::long_import),
            41..52 => {
                let key = self.key();
                let after = self.some(2);
                let request = load::report(&mut self.rng, key, after);
                self.make(request);
            }
            52..80 => self.poll(),
            80..85 => self.act("cancel", |job, _| Ask::Cancel { job }),
            85..90 => self.act("retry", |job, key| Ask::Retry { job, key }),
            90..92 => self.delete(),
            _ => self.repeat(),
        }
    }

    fn make_keyed(&mut self, build: fn(&mut ChaCha8Rng, Option<String>) -> Request) {
        let key = self.key();
        let request = build(&mut self.rng, key);
        self.make(request);
    }

    /// Most requests have a key of their own.
    fn key(&mut self) -> Option<String> {
        self.keys += 1;
        let key = format!("client-{}-{}", self.number, self.keys);
        self.rng.random_bool(0.7).then_some(key)
    }

    fn make(&mut self, request: Request) {
        let answer = self.send("POST", &request);
        let keyed = request.ask.key().is_some();
        match answer {
            Some(answer) if answer.status == 202 => {
                if let Some(id) = answer.body["id"].as_str() {
                    remember(&mut self.jobs, id.to_owned());
                }
                if keyed {
                    remember(&mut self.done, request);
                }
            }
            // Whoever has a key repeats it until somebody says what became of it.
            Some(answer) if answer.status < 500 => {}
            Some(_) | None if keyed => self.open.push(request),
            Some(_) | None => {}
        }
    }

    /// A deliberate repeat of what was answered long ago.
    fn repeat(&mut self) {
        if self.done.is_empty() {
            return;
        }
        let place = self.rng.random_range(0..self.done.len());
        let request = self.done[place].clone();
        self.send("POST", &request);
    }

    fn poll(&mut self) {
        let Some(job) = self.some(1).pop() else { return };
        let wait = if self.rng.random_bool(0.3) { "?wait=1" } else { "" };
        let path = format!("/jobs/{job}{wait}");
        let request = Request::bare(Ask::Poll { job: job.clone() }, path);
        if let Some(answer) = self.send("GET", &request)
            && answer.body["ended_at"].is_string()
        {
            remember(&mut self.ended, job);
        }
    }

    fn act(&mut self, verb: &str, ask: impl FnOnce(String, Option<String>) -> Ask) {
        let Some(job) = self.some(1).pop() else { return };
        let path = format!("/jobs/{job}/{verb}");
        let ask = ask(job, self.key());
        let request = Request::bare(ask, path);
        if request.ask.makes_a_job() {
            self.make(request);
        } else {
            self.send("POST", &request);
        }
    }

    fn delete(&mut self) {
        if let Some(job) = self.ended.pop_front() {
            self.jobs.retain(|known| *known != job);
            let path = format!("/jobs/{job}");
            self.send("DELETE", &Request::bare(Ask::Delete { job }, path));
        }
    }

    /// Up to this many of the jobs that it knows.
    fn some(&mut self, most: usize) -> Vec<String> {
        let most = self.rng.random_range(0..=most).max(usize::from(most == 1));
        (0..most.min(self.jobs.len()))
            .map(|_| self.jobs[self.rng.random_range(0..self.jobs.len())].clone())
            .collect()
    }

    fn send(&mut self, method: &str, request: &Request) -> Option<Answered> {
        let op = self.history.asked(self.number, request.ask.clone());
        let answer = exchange(&self.agent, self.base, method, request);
        self.history.note(match answer.clone() {
            Some(answer) => What::Answered { op, answer },
            None => What::Lost { op },
        });
        answer
    }
}

impl Request {
    /// Without a body.
    pub(super) fn bare(ask: Ask, path: String) -> Self {
        Self {
            ask,
            path,
            media_type: "application/json",
            body: Vec::new(),
        }
    }
}

/// One request and its whole answer.
pub(super) fn exchange(agent: &ureq::Agent, base: &str, method: &str, request: &Request) -> Option<Answered> {
    let url = format!("{base}{}", request.path);
    let response = match method {
        "POST" => {
            let mut post = agent.post(url).header("content-type", request.media_type);
            if let Some(key) = request.ask.key() {
                post = post.header("idempotency-key", key);
            }
            post.send(&request.body[..])
        }
        "DELETE" => agent.delete(url).call(),
        _ => agent.get(url).call(),
    };
    let mut response = response.ok()?;
    let header = |name: &str| {
        let value = response.headers().get(name)?;
        value.to_str().ok().map(str::to_owned)
    };
    let (content_type, retry_after) = (header("content-type").unwrap_or_default(), header("retry-after"));
    let status = response.status().as_u16();
    let text = response.body_mut().read_to_string().ok()?;
    Some(Answered {
        status,
        content_type,
        retry_after,
        body: serde_json::from_str(&text).unwrap_or(Value::Null),
    })
}

fn remember<T>(known: &mut VecDeque<T>, new: T) {
    if known.len() == REMEMBERED {
        known.pop_front();
    }
    known.push_back(new);
}

/// A report as it is asked for.
pub(super) fn body_of(report: &AskedReport) -> Vec<u8> {
    let mut body = json!({"group_by": report.group_by, "fresh": report.fresh});
    if !report.after.is_empty() {
        body["after"] = json!(report.after);
    }
    for (name, moment) in [("from", &report.from), ("to", &report.to)] {
        if let Some(moment) = moment {
            body[name] = json!(moment);
        }
    }
    body.to_string().into_bytes()
}
