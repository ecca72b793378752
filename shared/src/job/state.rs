//! The state machine of jobs and tasks: the only file that says which state follows which.
//!
//! ```text
//! job    queued ──start──▶ running ──end──▶ succeeded | partially_succeeded | failed
//!          │                  │
//!          └──── cancel ──────┴─▶ cancelling (a task is leased) ──end──▶ cancelled
//!                               └▶ cancelled  (no task is leased)
//!
//! task   queued ──claim──▶ leased ──succeed | fail──▶ succeeded | failed
//!          ▲                  │
//!          └──── requeue ─────┘      every way out of `leased` ends in `cancelled`
//!                                    while the job is `cancelling` (protocol P14)
//! ```
//!
//! Adapters ask [`JobTransition::apply`] and [`TaskTransition::apply`] and write conditionally on the state
//! that they read: no adapter names a target state of its own.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The state of a job. Terminal states never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// Accepted; no task has been claimed yet.
    Queued,
    /// At least one task has been claimed. Parked and backing-off tasks keep their job here.
    Running,
    /// A cancel was asked for while a task was leased.
    Cancelling,
    /// Everything took effect.
    Succeeded,
    /// Some events were rejected or some tasks failed; the rest took effect.
    PartiallySucceeded,
    /// Nothing more will happen, and what was asked for did not happen.
    Failed,
    /// Stopped by request.
    Cancelled,
}

impl JobState {
    /// Every state, in the order of a job's life.
    pub const ALL: [Self; 7] = [
        Self::Queued,
        Self::Running,
        Self::Cancelling,
        Self::Succeeded,
        Self::PartiallySucceeded,
        Self::Failed,
        Self::Cancelled,
    ];

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Cancelling => "cancelling",
            Self::Succeeded => "succeeded",
            Self::PartiallySucceeded => "partially_succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The state of this name; `None` when there is none.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }

    /// Whether the job has ended: nothing changes it any more.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        match self {
            Self::Queued | Self::Running | Self::Cancelling => false,
            Self::Succeeded | Self::PartiallySucceeded | Self::Failed | Self::Cancelled => true,
        }
    }
}

impl fmt::Display for JobState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The state of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TaskState {
    /// Waits for a worker, for its back-off to end, or (parked) for a condition.
    Queued,
    /// A worker holds its lease.
    Leased,
    /// Its work took effect.
    Succeeded,
    /// Its work will not take effect.
    Failed,
    /// Stopped by a cancel of its job.
    Cancelled,
}

impl TaskState {
    /// Every state.
    pub const ALL: [Self; 5] = [
        Self::Queued,
        Self::Leased,
        Self::Succeeded,
        Self::Failed,
        Self::Cancelled,
    ];

    /// The name in logs and tests.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Leased => "leased",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether the task has ended.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        match self {
            Self::Queued | Self::Leased => false,
            Self::Succeeded | Self::Failed | Self::Cancelled => true,
        }
    }
}

/// How the tasks of a job ended, for the job's own end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TaskTally {
    /// Tasks that succeeded.
    pub succeeded: u32,
    /// Tasks that failed.
    pub failed: u32,
    /// Whether a record of the input was rejected.
    pub rejects: bool,
}

/// What can happen to a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobTransition {
    /// Its first task is claimed.
    Start,
    /// A caller asks for its end.
    Cancel {
        /// Whether a worker holds one of its tasks.
        leased: bool,
    },
    /// Its last open task has ended.
    End(TaskTally),
}

impl JobTransition {
    /// The state after the transition; `None` when it is not allowed from `from`.
    #[must_use]
    pub const fn apply(self, from: JobState) -> Option<JobState> {
        match (self, from) {
            (Self::Start, JobState::Queued | JobState::Running) => Some(JobState::Running),
            (Self::Cancel { leased: false }, JobState::Queued | JobState::Running) => {
                Some(JobState::Cancelled)
            }
            (Self::Cancel { leased: true }, JobState::Queued | JobState::Running) => {
                Some(JobState::Cancelling)
            }
            // P14: a cancel is repeatable until the holders have let go.
            (Self::Cancel { leased: _ }, JobState::Cancelling) => Some(JobState::Cancelling),
            (Self::End(_), JobState::Cancelling) => Some(JobState::Cancelled),
            (Self::End(tally), JobState::Queued | JobState::Running) => Some(match tally {
                TaskTally {
                    succeeded: 0,
                    failed: _,
                    rejects: _,
                } => JobState::Failed,
                TaskTally {
                    succeeded: _,
                    failed: 0,
                    rejects: false,
                } => JobState::Succeeded,
                TaskTally {
                    succeeded: _,
                    failed: _,
                    rejects: _,
                } => JobState::PartiallySucceeded,
            }),
            (Self::Start, JobState::Cancelling)
            | (
                Self::Start | Self::Cancel { .. } | Self::End(_),
                JobState::Succeeded | JobState::PartiallySucceeded | JobState::Failed | JobState::Cancelled,
            ) => None,
        }
    }
}

/// What can happen to a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskTransition {
    /// A worker takes its lease.
    Claim,
    /// Its holder reports that its work took effect.
    Succeed,
    /// Its holder reports that its work will not take effect.
    Fail,
    /// Its lease ends without an end of the task: back-off, park, hand-back or lapse.
    Requeue,
    /// Its job is cancelled while nobody holds it.
    Cancel,
    /// Its deadline passed while nobody held it (P22).
    Expire,
}

impl TaskTransition {
    /// Every transition.
    pub const ALL: [Self; 6] = [
        Self::Claim,
        Self::Succeed,
        Self::Fail,
        Self::Requeue,
        Self::Cancel,
        Self::Expire,
    ];

    /// The state after the transition of a task whose job is in state `job`; `None` when it is not allowed.
    #[must_use]
    pub const fn apply(self, from: TaskState, job: JobState) -> Option<TaskState> {
        if job.is_terminal() {
            // The cancel of a job that no worker held ends the job and its tasks in one transaction.
            return match (self, from, job) {
                (Self::Cancel, TaskState::Queued, JobState::Cancelled) => Some(TaskState::Cancelled),
                _ => None,
            };
        }
        let cancelling = matches!(job, JobState::Cancelling);
        match (self, from) {
            // P14: every way out of `leased` looks at the job.
            (Self::Succeed | Self::Fail | Self::Requeue, TaskState::Leased) if cancelling => {
                Some(TaskState::Cancelled)
            }
            (Self::Cancel, TaskState::Queued) if cancelling => Some(TaskState::Cancelled),
            (Self::Claim, TaskState::Queued) if !cancelling => Some(TaskState::Leased),
            (Self::Expire, TaskState::Queued) if !cancelling => Some(TaskState::Failed),
            (Self::Succeed, TaskState::Leased) => Some(TaskState::Succeeded),
            (Self::Fail, TaskState::Leased) => Some(TaskState::Failed),
            (Self::Requeue, TaskState::Leased) => Some(TaskState::Queued),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cell_of_the_job_table() {
        let tally = |succeeded, failed, rejects| {
            JobTransition::End(TaskTally {
                succeeded,
                failed,
                rejects,
            })
        };
        let columns = [
            ("start", JobTransition::Start),
            ("cancel, free", JobTransition::Cancel { leased: false }),
            ("cancel, leased", JobTransition::Cancel { leased: true }),
            ("end, all good", tally(2, 0, false)),
            ("end, rejects", tally(2, 0, true)),
            ("end, some failed", tally(1, 1, false)),
            ("end, all failed", tally(0, 2, false)),
        ];
        let mut table = String::new();
        for from in JobState::ALL {
            for (name, transition) in columns {
                let to = transition.apply(from).map_or("-", JobState::as_str);
                table.push_str(&format!("{:<20} {name:<18} {to}\n", from.as_str()));
            }
        }
        insta::assert_snapshot!(table);
    }

    #[test]
    fn every_cell_of_the_task_table() {
        let mut table = String::new();
        for job in JobState::ALL {
            for from in TaskState::ALL {
                for transition in TaskTransition::ALL {
                    let to = transition.apply(from, job).map_or("-", TaskState::as_str);
                    let transition = format!("{transition:?}").to_lowercase();
                    table.push_str(&format!(
                        "{:<20} {:<10} {transition:<8} {to}\n",
                        job.as_str(),
                        from.as_str()
                    ));
                }
            }
        }
        insta::assert_snapshot!(table);
    }

    #[test]
    fn no_transition_leaves_a_terminal_state() {
        for job in JobState::ALL {
            for transition in TaskTransition::ALL {
                for from in TaskState::ALL.into_iter().filter(|state| state.is_terminal()) {
                    assert_eq!(transition.apply(from, job), None, "{transition:?} from {from:?}");
                }
            }
        }
    }
}
