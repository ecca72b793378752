//! How an attempt can fail, and what the failure means for its task.

/// Why a job did not do what was asked, as its caller reads it. Never holds internal text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobError {
    /// One of the contract's codes of a job, or `internal`.
    pub code: &'static str,
    /// A sentence that says what happened and what to do.
    pub detail: String,
}

impl JobError {
    /// The projection did not reach the report's bound before its deadline.
    pub const NOT_CAUGHT_UP: &'static str = "not_caught_up";
    /// The event log is not the one that the projection has read.
    pub const LOG_DIVERGED: &'static str = "log_diverged";
    /// Workers vanished again and again while they held the task.
    pub const WORKER_LOST: &'static str = "worker_lost";
    /// The log holds records of a newer version than this program can count.
    pub const QUARANTINED_NEWER: &'static str = "quarantined_newer";
    /// A mail server refused the report for one or more recipients.
    pub const MAIL_REFUSED: &'static str = "mail_refused";
    /// No mail server took the report before the deadline.
    pub const MAIL_UNDELIVERED: &'static str = "mail_undelivered";
    /// A fault of Census itself.
    pub const INTERNAL: &'static str = "internal";

    /// All codes that a job's error can carry.
    pub const CODES: [&'static str; 7] = [
        Self::NOT_CAUGHT_UP,
        Self::LOG_DIVERGED,
        Self::WORKER_LOST,
        Self::QUARANTINED_NEWER,
        Self::MAIL_REFUSED,
        Self::MAIL_UNDELIVERED,
        Self::INTERNAL,
    ];

    /// The known code of this name, for reading back what a store holds.
    #[must_use]
    pub fn code_from_name(name: &str) -> &'static str {
        Self::CODES
            .into_iter()
            .find(|code| *code == name)
            .unwrap_or(Self::INTERNAL)
    }
}

/// The classification of a failed attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Trying again may help: the task goes back to `queued` with a back-off, without a limit on tries.
    Transient {
        /// For the operator and the attempt history.
        reason: String,
    },
    /// Trying again cannot help: the task fails.
    Permanent(JobError),
}
