//! Everything that is refused becomes a [`HttpProblem`]; `edge` writes it as `application/problem+json`.

use poem::error::ResponseError;
use poem::http::{HeaderName, HeaderValue, StatusCode, header};
use poem_openapi::error::{ParseParamError, ParsePathError};
use shared::job::JobView;
use shared::ports::{JobLookup, StoreError};

use super::json;
use crate::contract::{Problem, ProblemCode, ProblemError};
use crate::refusal::{Refusal, RefusalCode};

/// Seconds after which an overloaded service, or a job that has not ended, is worth asking again.
pub(super) const RETRY_AFTER_S: i64 = 1;

/// A refused request, not yet bound to its path and id.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{detail}")]
pub struct HttpProblem {
    code: ProblemCode,
    detail: String,
    errors: Vec<ProblemError>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl HttpProblem {
    /// The problem of this code.
    #[must_use]
    pub fn new(code: ProblemCode, detail: impl Into<String>) -> Self {
        let retry = matches!(
            code,
            ProblemCode::Overloaded
                | ProblemCode::StoreOutcomeUnknown
                | ProblemCode::NotEnded
                | ProblemCode::KeyInFlight
        );
        Self {
            code,
            detail: detail.into(),
            errors: Vec::new(),
            headers: Vec::from_iter(retry.then(|| (header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER_S)))),
        }
    }

    pub(super) fn code(&self) -> ProblemCode {
        self.code
    }

    /// With one more header.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The problem that any error of a handler, or of the framework, amounts to; `template` is the path's.
    pub(super) fn of(error: &poem::Error, template: &str) -> Self {
        if let Some(problem) = error.downcast_ref::<Self>() {
            return problem.clone();
        }
        if let Some(fault) = error.downcast_ref::<ParseParamError>() {
            return Self::parameter(fault.name, &fault.reason);
        }
        if let Some(fault) = error.downcast_ref::<ParsePathError>() {
            // An id takes any text; what is not even text names nothing.
            if template.starts_with("/jobs/") {
                return unknown_job();
            }
            if template.starts_with("/schedules/") {
                return unknown_schedule();
            }
            // poem-openapi calls it `param0`. No path has two.
            let name = template.split(['{', '}']).nth(1).unwrap_or(fault.name);
            let text = fault.reason.strip_suffix(" expects an input value.");
            return Self::parameter(name, text.map_or(&*fault.reason, |_| "it is not text"));
        }
        let code = ProblemCode::of_status(error.status().as_u16());
        if error.status().is_server_error() {
            tracing::error!(error = %error, "a request failed in the framework");
            return Self::internal();
        }
        Self::new(code, format!("{error}."))
    }

    /// A fault of the service; what it was is in the log.
    pub(super) fn internal() -> Self {
        Self::new(
            ProblemCode::Internal,
            "The service could not do this. Its log holds more under the request_id.",
        )
    }

    /// A parameter that is unknown or makes no sense.
    pub(super) fn parameter(name: &str, reason: &str) -> Self {
        let reason = reason.strip_prefix("failed to parse ").unwrap_or(reason);
        // poem-openapi puts `"type": ` in front of some reasons, and `(occurred …)` behind those of options.
        let reason = reason
            .split_once(" (occurred while")
            .map_or(reason, |(reason, _)| reason);
        let reason = reason.rsplit_once("\": ").map_or(reason, |(_, reason)| reason);
        Self::new(
            ProblemCode::BadParameter,
            format!("Parameter `{name}`: {}.", reason.trim_end_matches('.')),
        )
    }

    /// The problem as it is sent, bound to its request.
    pub(super) fn into_response(self, instance: &str, request_id: &str) -> poem::Response {
        let problem = Problem {
            instance: Some(instance.to_owned()),
            request_id: Some(request_id.to_owned()),
            errors: (!self.errors.is_empty()).then_some(self.errors),
            ..Problem::new(self.code, self.detail)
        };
        let status = StatusCode::from_u16(self.code.status()).expect("every code has a valid status");
        let mut response = poem::Response::builder()
            .status(status)
            .content_type("application/problem+json")
            .body(json::text(&problem));
        response.headers_mut().extend(self.headers);
        response
    }
}

impl ResponseError for HttpProblem {
    fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.code.status()).expect("every code has a valid status")
    }
}

impl From<Refusal> for HttpProblem {
    fn from(refusal: Refusal) -> Self {
        let code = match refusal.code {
            RefusalCode::BadJson => ProblemCode::BadJson,
            RefusalCode::BadParameter => ProblemCode::BadParameter,
            RefusalCode::IncompleteBody => ProblemCode::IncompleteBody,
            RefusalCode::TooLarge => ProblemCode::TooLarge,
            RefusalCode::Invalid => ProblemCode::Invalid,
            RefusalCode::BadCsvHeader => ProblemCode::BadCsvHeader,
            RefusalCode::Empty => ProblemCode::Empty,
            RefusalCode::AllRejected => ProblemCode::AllRejected,
            RefusalCode::KeyReused => ProblemCode::KeyReused,
            RefusalCode::KeyInFlight => ProblemCode::KeyInFlight,
            RefusalCode::Gone => ProblemCode::Gone,
            RefusalCode::Overloaded => ProblemCode::Overloaded,
            RefusalCode::StoreOutcomeUnknown => ProblemCode::StoreOutcomeUnknown,
            RefusalCode::Internal => ProblemCode::Internal,
        };
        Self {
            errors: refusal.errors.into_iter().map(ProblemError::from).collect(),
            ..Self::new(code, refusal.detail)
        }
    }
}

impl From<StoreError> for HttpProblem {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::Busy { .. } => Self::new(
                ProblemCode::Overloaded,
                "The store has no time or no room now. Try again soon.",
            ),
            StoreError::OutcomeUnknown { .. } => Self::new(
                ProblemCode::StoreOutcomeUnknown,
                "The disk failed in the commit: whether it took effect is unknown. Look before you repeat it.",
            ),
            StoreError::UploadLapsed | StoreError::Corrupt { .. } | StoreError::Failed { .. } => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "the store failed while a request was answered"
                );
                Self::internal()
            }
        }
    }
}

/// The job that was looked up.
///
/// # Errors
/// `404` when it never was, `410` when it was purged.
pub(super) fn found(lookup: JobLookup) -> Result<Box<JobView>, HttpProblem> {
    match lookup {
        JobLookup::Found(job) => Ok(job),
        JobLookup::Gone => Err(gone()),
        JobLookup::Unknown => Err(unknown_job()),
    }
}

pub(super) fn gone() -> HttpProblem {
    HttpProblem::new(
        ProblemCode::Gone,
        "The job was deleted, or removed after its retention.",
    )
}

/// What is done only to a job that has ended.
pub(super) fn not_ended() -> HttpProblem {
    let detail = "The job has not ended. Cancel it first, or wait for its end.";
    HttpProblem::new(ProblemCode::NotEnded, detail)
}

pub(super) fn unknown_job() -> HttpProblem {
    HttpProblem::new(ProblemCode::NotFound, "No job has this id.")
}

pub(super) fn unknown_schedule() -> HttpProblem {
    HttpProblem::new(ProblemCode::NotFound, "No schedule has this id.")
}
