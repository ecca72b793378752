//! Problems (RFC 9457): one schema for every error, and the table of codes of contract.md §3.

use poem_openapi::Object;
use poem_openapi::types::Example;
use serde::Serialize;
use serde_with::skip_serializing_none;
use shared::event::Fault;
use shared::job::JobError;

/// Why something was not done.
#[skip_serializing_none]
#[derive(Clone, Debug, Object, Serialize)]
#[oai(skip_serializing_if_is_none, example)]
pub struct Problem {
    /// `/problems/<code>`, a page that explains the code.
    #[oai(rename = "type")]
    #[serde(rename = "type")]
    pub kind: String,
    /// The code in words.
    pub title: String,
    /// The HTTP status; absent in a job's `error`.
    pub status: Option<i64>,
    /// What happened and what to do.
    pub detail: String,
    /// The path of the request.
    pub instance: Option<String>,
    /// For programs; more codes may come.
    pub code: String,
    /// Whether the same request may succeed later.
    pub retryable: bool,
    /// Names the request in the log of the service.
    pub request_id: Option<String>,
    /// The faults of the request, at most 100.
    pub errors: Option<Vec<ProblemError>>,
}

impl Problem {
    /// The problem of this code, not yet bound to a request.
    #[must_use]
    pub fn new(code: ProblemCode, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("/problems/{}", code.as_str()),
            title: code.title().to_owned(),
            status: Some(code.status().into()),
            detail: detail.into(),
            instance: None,
            code: code.as_str().to_owned(),
            retryable: code.is_retryable(),
            request_id: None,
            errors: None,
        }
    }

    /// Why a job did not do what was asked.
    #[must_use]
    pub fn of_job(error: &JobError) -> Self {
        let code = ProblemCode::of_job(error.code);
        Self {
            status: None,
            ..Self::new(code, &error.detail)
        }
    }
}

impl Example for Problem {
    fn example() -> Self {
        Self {
            instance: Some("/submit".to_owned()),
            request_id: Some("00f067aa0ba902b7".to_owned()),
            errors: Some(vec![ProblemError {
                pointer: "#/events/17/address/city".to_owned(),
                code: "blank".to_owned(),
                detail: "A city is required.".to_owned(),
            }]),
            ..Self::new(ProblemCode::Invalid, "One member of the request is not valid.")
        }
    }
}

/// One fault of a request.
#[derive(Clone, Debug, PartialEq, Eq, Object, Serialize)]
pub struct ProblemError {
    /// Where, like `#/events/17/address/city`.
    pub pointer: String,
    /// For programs.
    pub code: String,
    /// A sentence for a person.
    pub detail: String,
}

impl From<Fault> for ProblemError {
    fn from(fault: Fault) -> Self {
        Self {
            pointer: fault.pointer,
            code: fault.code.as_str().to_owned(),
            detail: fault.detail,
        }
    }
}

macro_rules! problem_codes {
    ($($variant:ident $name:literal $status:literal $retryable:literal $title:literal $page:literal)+) => {
        /// Every code that a problem can carry. Each has its page under `/problems/`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ProblemCode {
            $(#[doc = $title] $variant,)+
        }

        impl ProblemCode {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The code on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// The HTTP status of a problem with the code.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self { $(Self::$variant => $status),+ }
            }

            /// The code in words.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title),+ }
            }

            /// What the code's page says.
            #[must_use]
            pub const fn page(self) -> &'static str {
                match self { $(Self::$variant => $page),+ }
            }

            /// Whether the same request may succeed later.
            #[must_use]
            pub const fn is_retryable(self) -> bool {
                match self { $(Self::$variant => $retryable),+ }
            }
        }
    };
}

problem_codes! {
    BadJson "bad_json" 400 false "The body is not JSON"
        "The body cannot be parsed as JSON. The detail names line and column."
    BadRequest "bad_request" 400 false "The request cannot be read"
        "The request breaks a rule of HTTP itself."
    BadParameter "bad_parameter" 400 false "A parameter is wrong"
        "A parameter of path or query is unknown or has a value that makes no sense. The detail names it."
    BadKey "bad_key" 400 false "The Idempotency-Key cannot be read"
        "A key has 1 to 255 visible ASCII characters, bare or as a quoted string, and stands once."
    IncompleteBody "incomplete_body" 400 true "The body broke off"
        "The connection closed, or no byte came for too long, before the body was complete. Nothing was stored; send the request again."
    NotFound "not_found" 404 false "There is nothing here"
        "No such path, or no job or schedule with this id."
    MethodNotAllowed "method_not_allowed" 405 false "The path does not take this method"
        "The header Allow lists the methods that the path takes."
    NotEnded "not_ended" 409 true "The job has not ended"
        "The result is there once the job has ended. Wait with GET /jobs/{id}?wait=60."
    AlreadyEnded "already_ended" 409 false "The job has already ended"
        "A job that has ended cannot be cancelled any more."
    NoResult "no_result" 409 false "The job has no result"
        "The job failed or was cancelled. Its state and error say why."
    ScheduleConfigured "schedule_configured" 409 false "The schedule stands in the configuration"
        "A schedule of the configuration is changed or turned off there, with CENSUS_REPORT_EVERY and CENSUS_MAIL_TO."
    TooManySchedules "too_many_schedules" 409 false "There are too many schedules"
        "No more schedules are kept. Delete those that nobody needs."
    KeyInFlight "key_in_flight" 409 true "A request with this key is being taken in"
        "Another request with the same Idempotency-Key has not been answered yet. Repeat the request after the time in Retry-After."
    Gone "gone" 410 false "The job was removed"
        "The job existed and has been removed. What it published stays counted."
    TooLarge "too_large" 413 false "The body is too large"
        "The body, or the number of its events, is over the limit. POST /import takes streams of any usual length."
    UriTooLong "uri_too_long" 414 false "The URI is too long"
        "Path and query together hold at most 65,534 bytes."
    UnsupportedMediaType "unsupported_media_type" 415 false "The body has the wrong media type"
        "The detail holds the header to add. Multipart, Content-Encoding and charsets other than UTF-8 are not taken."
    Invalid "invalid" 422 false "The request is not valid"
        "The body was read, but some of its members are not valid. The member errors lists up to 100 faults, each with a pointer."
    KeyReused "key_reused" 422 false "The Idempotency-Key was used for another request"
        "A key stands for one request: method, path, format, media type and body. Use a new key for a new request."
    BadCsvHeader "bad_csv_header" 422 false "The CSV header is wrong"
        "The first line names the columns id, city, state, country, postCode, datetime and, if wanted, event_id, in any order, each once."
    Empty "empty" 422 false "There is no record"
        "The body holds no record at all, so there is nothing to do."
    AllRejected "all_rejected" 422 false "No record is valid"
        "Every record of the body is faulty. The member errors lists the first 100 faults."
    HeadersTooLarge "headers_too_large" 431 false "The headers are too large"
        "The headers of the request are over the limit."
    Internal "internal" 500 false "Something went wrong inside"
        "A fault of the service. Its log holds more under the problem's request_id."
    Overloaded "overloaded" 503 true "The service has no time or room now"
        "Nothing was stored. Try again after the time in Retry-After."
    StoreOutcomeUnknown "store_outcome_unknown" 503 true "Whether the request took effect is unknown"
        "The disk failed while the request was stored. Repeat it with the same Idempotency-Key: then it takes effect once."
    NotCaughtUp "not_caught_up" 500 true "The counts did not catch up in time"
        "The report waited until its deadline for events or jobs. Ask again with a longer deadline_s."
    LogDiverged "log_diverged" 500 false "The event log is another one"
        "The event log is not the one that was counted. The operator has to decide which holds."
    WorkerLost "worker_lost" 500 true "Workers vanished during the job"
        "Again and again the worker that held the job vanished. The job may be the reason, so it was given up."
    MailRefused "mail_refused" 500 false "The mail was refused"
        "The report was made, but a mail server refused it for one or more recipients. The detail names the first; the report itself is in the job's result."
    MailUndelivered "mail_undelivered" 500 true "The mail did not get through in time"
        "The report was made, but no mail server took it before its deadline. A retry mails it to those who have not got it."
    QuarantinedNewer "quarantined_newer" 500 false "The log holds records of a newer version"
        "The log holds records that this version cannot count. Use a newer version of the workers."
}

impl ProblemCode {
    /// The code of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str() == name)
    }

    /// The code for an error that carries nothing but a status.
    #[must_use]
    pub const fn of_status(status: u16) -> Self {
        match status {
            404 => Self::NotFound,
            405 => Self::MethodNotAllowed,
            413 => Self::TooLarge,
            414 => Self::UriTooLong,
            415 => Self::UnsupportedMediaType,
            431 => Self::HeadersTooLarge,
            503 => Self::Overloaded,
            400..=499 => Self::BadRequest,
            _ => Self::Internal,
        }
    }

    fn of_job(name: &str) -> Self {
        Self::from_name(name).unwrap_or(Self::Internal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_of_a_job_has_a_page() {
        for code in JobError::CODES {
            assert!(ProblemCode::from_name(code).is_some(), "{code}");
        }
    }
}
