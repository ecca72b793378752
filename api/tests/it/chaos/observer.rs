//! One patient client beside the others: it measures, and in the end it looks at everything once more.

use std::time::{Duration, Instant};

use serde_json::json;

use super::client::{Request, body_of, exchange};
use super::history::{Answered, Ask, AskedReport, History, What};

/// Its number in the history.
const NUMBER: usize = 1_000;
/// Longer than the longest back-off of a task, twice.
const BOUND: Duration = Duration::from_secs(120);
const PAGE: usize = 500;

/// The client.
pub(super) struct Observer<'s> {
    base: String,
    agent: ureq::Agent,
    history: &'s History,
}

impl<'s> Observer<'s> {
    pub(super) fn new(base: String, history: &'s History) -> Self {
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(30)))
            .build()
            .new_agent();
        Self { base, agent, history }
    }

    /// How long it takes until a job that is sent now has ended.
    pub(super) fn recovery(&self) -> Duration {
        let started = Instant::now();
        let ask = Ask::Submit {
            path: "/submit/1".to_owned(),
            key: None,
            valid: 1,
            rejected: 0,
            named: Vec::new(),
        };
        let id = self.until("a job is accepted", || {
            let answer = self.send("POST", &Request::bare(ask.clone(), "/submit/1".to_owned()))?;
            answer.body["id"].as_str().map(str::to_owned)
        });
        self.ended(&id);
        started.elapsed()
    }

    /// Waits until nothing is open.
    pub(super) fn settle(&self) {
        self.until("every job has ended", || {
            let open = "/jobs?state=queued&state=running&state=cancelling&limit=5";
            let answer = self.look(open)?;
            let open = answer.body["jobs"].as_array()?;
            open.is_empty().then_some(())
        });
    }

    /// Looks at every job, at the list, and at last at a fresh report.
    pub(super) fn look_at_all(&self, jobs: impl IntoIterator<Item = String>) {
        for job in jobs {
            let path = format!("/jobs/{job}");
            self.until("a job is shown", || {
                self.send(
                    "GET",
                    &Request::bare(Ask::Poll { job: job.clone() }, path.clone()),
                )
            });
        }
        self.list();
        let report = AskedReport {
            key: Some("the-last-report".to_owned()),
            group_by: "city".to_owned(),
            from: None,
            to: None,
            after: Vec::new(),
            fresh: true,
        };
        let body = body_of(&report);
        let request = Request {
            body,
            ..Request::bare(Ask::Report(Box::new(report)), "/report".to_owned())
        };
        let id = self.until("a report is accepted", || {
            let answer = self.send("POST", &request)?;
            answer.body["id"].as_str().map(str::to_owned)
        });
        self.ended(&id);
    }

    fn ended(&self, job: &str) {
        let path = format!("/jobs/{job}?wait=5");
        self.until("a job has ended", || {
            let ask = Ask::Poll { job: job.to_owned() };
            let answer = self.send("GET", &Request::bare(ask, path.clone()))?;
            answer.body["ended_at"].is_string().then_some(())
        });
    }

    /// All pages as one answer.
    fn list(&self) {
        let op = self.history.asked(NUMBER, Ask::List);
        let mut jobs = Vec::new();
        let mut path = format!("/jobs?limit={PAGE}");
        loop {
            let page = self.until("a list is shown", || self.look(&path));
            jobs.extend(page.body["jobs"].as_array().cloned().unwrap_or_default());
            match page.body["next"].as_str() {
                Some(next) => path = format!("/jobs?limit={PAGE}&cursor={next}"),
                None => break,
            }
        }
        let answer = Answered {
            status: 200,
            content_type: "application/json".to_owned(),
            retry_after: None,
            body: json!({"jobs": jobs}),
        };
        self.history.note(What::Answered { op, answer });
    }

    fn look(&self, path: &str) -> Option<Answered> {
        exchange(
            &self.agent,
            &self.base,
            "GET",
            &Request::bare(Ask::List, path.to_owned()),
        )
    }

    fn send(&self, method: &str, request: &Request) -> Option<Answered> {
        let op = self.history.asked(NUMBER, request.ask.clone());
        let answer = exchange(&self.agent, &self.base, method, request);
        self.history.note(match answer.clone() {
            Some(answer) => What::Answered { op, answer },
            None => What::Lost { op },
        });
        answer
    }

    fn until<T>(&self, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
        let started = Instant::now();
        loop {
            if let Some(seen) = look() {
                return seen;
            }
            assert!(started.elapsed() < BOUND, "waited {BOUND:?} until {what}");
            std::thread::park_timeout(Duration::from_millis(50));
        }
    }
}
