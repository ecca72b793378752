//! Which problems each operation may answer with.

/// Statuses by operation; every one may also fail with `500` and `503`.
const PROBLEMS: [(&str, &[u16]); 14] = [
    ("submitEvents", &[400, 409, 410, 413, 415, 422]),
    ("submitSamples", &[400, 409, 410, 422]),
    ("importEvents", &[400, 409, 410, 413, 415, 422]),
    ("createReport", &[400, 409, 410, 413, 415, 422]),
    ("listJobs", &[400]),
    ("getJob", &[400, 404, 410]),
    ("streamJob", &[400, 404, 410]),
    ("getJobResult", &[400, 404, 409, 410]),
    ("listJobRejects", &[400, 404, 410]),
    ("cancelJob", &[400, 404, 409, 410]),
    ("cancelJobs", &[400, 409, 410, 422]),
    ("retryJobs", &[400, 409, 410, 422]),
    ("retryJob", &[400, 404, 409, 410, 422]),
    ("deleteJob", &[400, 404, 409, 410]),
];

/// The statuses of an operation's problems.
pub(super) fn problems_of(operation_id: &str) -> Vec<u16> {
    let own = PROBLEMS.iter().find(|(id, _)| *id == operation_id);
    let (_, own) = own.expect("every operation has a line in PROBLEMS");
    own.iter().copied().chain([500, 503]).collect()
}

/// What the answer means, for a reader of the specification.
pub(super) fn description_of(status: u16) -> &'static str {
    match status {
        400 => "The request cannot be read, or a parameter is wrong.",
        404 => "There is no such job.",
        409 => "The job is not in the right state, or a request with the same key is being taken in.",
        410 => "The job was removed, perhaps the one that the key stands for.",
        413 => "The body is too large.",
        415 => "The body has the wrong media type.",
        422 => "The request was read, but is not valid; `errors` lists its faults.",
        500 => "A fault of the service.",
        _ => "The service has no time or room now, or the outcome is unknown.",
    }
}
