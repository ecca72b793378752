//! The one place where a kind of job declares its name, its role and its queue.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What a job does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobKind {
    /// Publishes accepted user events to the event log.
    Submit,
    /// Counts users and events by place.
    Report,
    /// Cancels all jobs that a filter finds.
    Cancel,
    /// Retries all jobs that a filter finds.
    Retry,
}

impl JobKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Submit, Self::Report, Self::Cancel, Self::Retry];

    /// The name on the wire, in the store and in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Submit => "submit",
            Self::Report => "report",
            Self::Cancel => "cancel",
            Self::Retry => "retry",
        }
    }

    /// The kind of this name; `None` when there is none.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// Whether jobs of the kind act on other jobs; none of these is acted on.
    #[must_use]
    pub const fn is_bulk(self) -> bool {
        match self {
            Self::Submit | Self::Report => false,
            Self::Cancel | Self::Retry => true,
        }
    }

    /// The role of the processes that execute the kind.
    #[must_use]
    pub const fn role(self) -> Role {
        match self {
            Self::Submit => Role::UserEvents,
            // A cancel of a long queue must not wait at its end.
            Self::Report | Self::Cancel | Self::Retry => Role::UserStats,
        }
    }

    /// The queue that wakes a process of that role.
    #[must_use]
    pub const fn queue(self) -> QueueName {
        QueueName(self.role())
    }
}

impl fmt::Display for JobKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A set of duties that a worker process takes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// Takes submit tasks and publishes their events.
    UserEvents,
    /// Takes the tasks of reports and of bulk jobs, keeps schedules, sends mail, and projects the event log.
    UserStats,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 2] = [Self::UserEvents, Self::UserStats];

    /// The name in `--role` and in the queue's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UserEvents => "userevents",
            Self::UserStats => "userstats",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|role| role.as_str() == text.trim())
            .ok_or_else(|| {
                format!(
                    "`{}` is not a role; roles are userevents and userstats",
                    text.trim()
                )
            })
    }
}

/// The queue of one role. Each role has exactly one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct QueueName(pub Role);

impl QueueName {
    /// Every queue.
    pub const ALL: [Self; 2] = [Self(Role::UserEvents), Self(Role::UserStats)];

    /// The name without the deployment's prefix.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.0.as_str()
    }
}

impl fmt::Display for QueueName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
