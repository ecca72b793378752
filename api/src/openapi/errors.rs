//! Which problems each operation may answer with, and what each answer looks like.

use poem_openapi::types::{Example, ToJSON};
use serde_json::{Map, Value, json};

use crate::contract::{MAX_INTEGER, Problem, ProblemCode};

/// Statuses by operation; every one may also fail with `500` and `503`.
const PROBLEMS: [(&str, &[u16]); 18] = [
    ("submitEvents", &[400, 409, 410, 413, 415, 422]),
    ("submitSamples", &[400, 409, 410, 413, 422]),
    ("importEvents", &[400, 409, 410, 413, 415, 422]),
    ("createReport", &[400, 409, 410, 413, 415, 422]),
    ("createSchedule", &[400, 409, 413, 415, 422]),
    ("listSchedules", &[400]),
    ("getSchedule", &[400, 404]),
    ("deleteSchedule", &[400, 404, 409]),
    ("listJobs", &[400]),
    ("getJob", &[400, 404, 410]),
    ("streamJob", &[400, 404, 410]),
    ("getJobResult", &[400, 404, 409, 410]),
    ("listJobRejects", &[400, 404, 410]),
    ("cancelJob", &[400, 404, 409, 410]),
    ("cancelJobs", &[400, 409, 410, 413, 422]),
    ("retryJobs", &[400, 409, 410, 413, 422]),
    ("retryJob", &[400, 404, 409, 410, 413, 422]),
    ("deleteJob", &[400, 404, 409, 410]),
];

/// Each status: the name of its answer, a problem that it may carry, and what it means.
const ANSWERS: [(u16, &str, ProblemCode, &str); 9] = [
    (
        400,
        "BadRequest",
        ProblemCode::BadParameter,
        "The request cannot be read, or a parameter is wrong.",
    ),
    (
        404,
        "NotFound",
        ProblemCode::NotFound,
        "There is no such job, or no such schedule.",
    ),
    (
        409,
        "Conflict",
        ProblemCode::NotEnded,
        "The job is not in the right state, a request with the same key is being taken in, or the schedule cannot be \
         made or deleted.",
    ),
    (
        410,
        "Gone",
        ProblemCode::Gone,
        "The job was removed, perhaps the one that the key stands for.",
    ),
    (413, "TooLarge", ProblemCode::TooLarge, "The body is too large."),
    (
        415,
        "UnsupportedMediaType",
        ProblemCode::UnsupportedMediaType,
        "The body has the wrong media type.",
    ),
    (
        422,
        "Invalid",
        ProblemCode::Invalid,
        "The request was read, but is not valid; `errors` lists its faults.",
    ),
    (500, "Internal", ProblemCode::Internal, "A fault of the service."),
    (
        503,
        "Unavailable",
        ProblemCode::Overloaded,
        "The service has no time or room now, or the outcome is unknown.",
    ),
];

/// Adds its problems to an operation's answers.
pub(super) fn add_problems(operation: &mut Value, operation_id: &str) {
    let own = PROBLEMS.iter().find(|(id, _)| *id == operation_id);
    let (_, own) = own.expect("every operation has a line in PROBLEMS");
    for status in own.iter().chain(&[500, 503]) {
        let answer = ANSWERS.iter().find(|(known, ..)| known == status);
        let (_, name, ..) = answer.expect("every status of PROBLEMS has a line in ANSWERS");
        operation["responses"][status.to_string()] =
            json!({"$ref": format!("#/components/responses/{name}")});
    }
}

/// The answers that operations share.
pub(super) fn problem_responses() -> Value {
    ANSWERS
        .iter()
        .map(|&(status, name, code, description)| (name.to_owned(), response(status, code, description)))
        .collect::<Map<_, _>>()
        .into()
}

fn response(status: u16, code: ProblemCode, description: &str) -> Value {
    let mut response = json!({
        "description": description,
        "content": {"application/problem+json": {
            "schema": {"$ref": "#/components/schemas/Problem"},
            "example": example(code),
        }},
    });
    if matches!(status, 409 | 503) {
        response["headers"] = json!({"Retry-After": {
            "description": "Seconds after which the request is worth repeating; present when it is.",
            "schema": {"type": "integer", "format": "int64", "minimum": 0, "maximum": MAX_INTEGER},
        }});
    }
    response
}

fn example(code: ProblemCode) -> Option<Value> {
    if code == ProblemCode::Invalid {
        return Problem::example().to_json();
    }
    let problem = Problem {
        request_id: Problem::example().request_id,
        ..Problem::new(code, code.page())
    };
    problem.to_json()
}
