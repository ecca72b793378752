//! An answer of the API, and what all answers of a kind have in common.

use std::io::Read as _;

use serde_json::Value;

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

/// `None` when no whole answer came.
pub(crate) fn answer(result: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Option<Answer> {
    let response = result.ok()?;
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
        .ok()?;
    Some(Answer {
        status,
        headers,
        text,
    })
}
