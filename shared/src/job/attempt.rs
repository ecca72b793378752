//! One try of one task by one worker, and the lease that fences it.

use std::fmt;

use super::TaskRef;
use crate::time::Timestamp;

/// Names one run of one worker process; another run of the same process has another id.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WorkerId(pub String);

impl fmt::Display for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The right to write the outcome of a task.
///
/// Invariant: `token` rises with every claim of the task, and `nonce` is random, so that a worker that comes
/// back from the dead matches no row (P7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Lease {
    /// The task that is held.
    pub task: TaskRef,
    /// Rises with every claim.
    pub token: i64,
    /// Drawn at the claim.
    pub nonce: i64,
}

/// One line of a job's attempt history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The task that was tried.
    pub task: u32,
    /// The number of the try, from 1.
    pub n: u32,
    /// Who tried.
    pub worker: String,
    /// When the task was claimed.
    pub started_at: Timestamp,
    /// When the attempt ended; absent while it runs.
    pub ended_at: Option<Timestamp>,
    /// Why it did not succeed.
    pub error: Option<String>,
}
