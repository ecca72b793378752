//! Why a command did not do what it was asked for, for the person at the terminal.

use std::io;

use shared::adapters::system::DataDirError;
use shared::job::JobId;
use shared::ports::{LogError, ProjectionError, QueueError, RecordPlace, StoreError};
use shared::telemetry::{EXIT_FAILURE, EXIT_USAGE};

use crate::app_error::AppError;
use crate::log_gate::GateFault;
use crate::project::{RebuildFault, Stop};

/// A command that was refused or has failed.
#[derive(Debug, thiserror::Error)]
pub enum CommandFault {
    /// The process could not start.
    #[error(transparent)]
    App(#[from] AppError),
    /// The counts could not be read.
    #[error("the projection cannot be used")]
    Projection(#[from] ProjectionError),
    /// The jobs could not be read or written.
    #[error("the job store cannot be used")]
    Store(#[from] StoreError),
    /// The log could not be written to.
    #[error("the event log cannot be written to")]
    Log(#[from] LogError),
    /// The event could not be read.
    #[error("the event cannot be read")]
    Input(#[source] io::Error),
    /// The event is not one.
    #[error("the event is not the JSON of an event")]
    NotAnEvent(#[source] serde_json::Error),
    /// The event has faults, each with its place.
    #[error("the event cannot be counted: {0}")]
    Unclean(String),
    /// There is nothing to correct.
    #[error("no record at {0} is in quarantine: `quarantine list` shows them")]
    NotInQuarantine(RecordPlace),
    /// There is nothing left to correct.
    #[error("the record at {0} was corrected already, and its correction was counted")]
    Corrected(RecordPlace),
    /// Nothing has diverged.
    #[error("the event log is the one that was written and counted: there is nothing to repair")]
    Sound,
    /// What would be done.
    #[error(
        "{submits} submits with {events} events are kept and would be published again, with the same ids; then the \
         counts, {counted} events now, would be rebuilt from the log. What was submitted longer ago is not kept, and \
         would not be counted any more. To do it: --yes"
    )]
    Unconfirmed {
        /// Kept submits.
        submits: usize,
        /// Events in them.
        events: u64,
        /// Events in the counts.
        counted: u64,
    },
    /// Some submits ended in another way.
    #[error("{failed} submits could not be published again, {first} among them: the counts were not rebuilt")]
    NotPublished {
        /// How many.
        failed: usize,
        /// One of them.
        first: JobId,
    },
    /// Told to stop in the middle.
    #[error("broken off: run the command again")]
    BrokenOff,
    /// The rebuild did not come to its end.
    #[error(transparent)]
    Rebuild(Box<dyn std::error::Error + Send + Sync>),
    /// The log could not be checked, or nothing may be published to it.
    #[error(transparent)]
    Check(Box<dyn std::error::Error + Send + Sync>),
    /// The dead queue could not be used.
    #[error("the dead queue cannot be used")]
    Queue(#[from] QueueError),
    /// Some messages are no wake-ups.
    #[error("{kept} messages cannot be sent again and were kept; the first: {first}")]
    StillDead {
        /// How many.
        kept: usize,
        /// What is wrong with the first.
        first: String,
    },
    /// Nobody reads what is printed.
    #[error("standard output cannot be written")]
    Output(#[source] io::Error),
}

impl From<RebuildFault> for CommandFault {
    fn from(fault: RebuildFault) -> Self {
        Self::Rebuild(Box::new(fault))
    }
}

impl From<GateFault> for CommandFault {
    fn from(fault: GateFault) -> Self {
        Self::Check(Box::new(fault))
    }
}

impl From<Stop> for CommandFault {
    fn from(stop: Stop) -> Self {
        Self::Check(Box::new(stop))
    }
}

impl CommandFault {
    /// The process's exit code: 2 where the operator has to ask in another way, else 1.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::App(AppError::DataDir(DataDirError::InUse { .. }) | AppError::NoDeadQueue)
            | Self::StillDead { .. }
            | Self::Input(_)
            | Self::NotAnEvent(_)
            | Self::Unclean(_)
            | Self::NotInQuarantine(_)
            | Self::Corrected(_)
            | Self::Sound
            | Self::Unconfirmed { .. } => EXIT_USAGE,
            Self::App(_)
            | Self::Projection(_)
            | Self::Store(_)
            | Self::Log(_)
            | Self::Queue(_)
            | Self::NotPublished { .. }
            | Self::BrokenOff
            | Self::Rebuild(_)
            | Self::Check(_)
            | Self::Output(_) => EXIT_FAILURE,
        }
    }
}
