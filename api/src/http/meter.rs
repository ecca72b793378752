//! Counts and times the answers of one route, by method and status.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use metrics::{Counter, Histogram};
use poem::http::{Method, StatusCode};

/// The handles of one route. To look them up by their texts costs an accept a fiftieth of its processor time (measured).
/// The recorder of the process must be there before the first answer: handles that are made without one count nothing.
pub(super) struct Meter {
    route: String,
    answers: RwLock<BTreeMap<(&'static str, StatusCode), Answers>>,
}

#[derive(Clone)]
struct Answers {
    total: Counter,
    duration: Histogram,
}

impl Meter {
    /// `route` is a template: a path is the caller's own text, and may not become a label.
    pub(super) fn new(route: &str) -> Self {
        Self {
            route: route.to_owned(),
            answers: RwLock::default(),
        }
    }

    /// Counts one answer.
    pub(super) fn record(&self, method: &Method, status: StatusCode, elapsed: Duration) {
        let answers = self.answers(method_label(method), status);
        answers.total.increment(1);
        answers.duration.record(elapsed);
    }

    fn answers(&self, method: &'static str, status: StatusCode) -> Answers {
        let key = (method, status);
        let known = self.answers.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(answers) = known.get(&key) {
            return answers.clone();
        }
        drop(known);
        let made = Answers::new(method, &self.route, status);
        let mut known = self.answers.write().unwrap_or_else(PoisonError::into_inner);
        known.entry(key).or_insert(made).clone()
    }
}

impl Answers {
    fn new(method: &'static str, route: &str, status: StatusCode) -> Self {
        let labels = [
            ("method", method.to_owned()),
            ("route", route.to_owned()),
            ("status", status.as_str().to_owned()),
        ];
        Self {
            total: metrics::counter!("census_http_requests_total", &labels),
            duration: metrics::histogram!("census_http_request_duration_seconds", &labels),
        }
    }
}

/// Another method is the caller's own text too.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        _ => "other",
    }
}
