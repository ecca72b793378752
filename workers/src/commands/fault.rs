//! Why a command did not do what it was asked for, for the person at the terminal.

use std::io;

use shared::ports::QueueError;
use shared::telemetry::{EXIT_FAILURE, EXIT_USAGE};

use crate::app_error::AppError;

/// A command that was refused or has failed.
#[derive(Debug, thiserror::Error)]
pub enum CommandFault {
    /// The process could not start.
    #[error(transparent)]
    App(#[from] AppError),
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

impl CommandFault {
    /// The process's exit code: 2 where the operator has to ask in another way, else 1.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::App(AppError::NoDeadQueue) | Self::StillDead { .. } => EXIT_USAGE,
            Self::App(_) | Self::Queue(_) | Self::Output(_) => EXIT_FAILURE,
        }
    }
}
