//! What can go wrong while a handler works, and whether trying again helps.

use shared::job::{Failure, JobError};
use shared::mail::TemplateFault;
use shared::ports::{LogError, ProjectionError, StoreError};
use shared::wire::StoredEventFault;

use crate::log_gate::GateFault;

/// A fault of an attempt.
#[derive(Debug, thiserror::Error)]
pub(super) enum HandlerFault {
    #[error("the store failed")]
    Store(#[from] StoreError),
    #[error("the event log failed")]
    Log(#[from] LogError),
    #[error("the event log may not be written to")]
    Gate(#[from] GateFault),
    #[error("the projection failed")]
    Projection(#[from] ProjectionError),
    #[error("the input cannot be read")]
    Input(#[from] StoredEventFault),
    #[error("the input holds {found} events, and the task promises {promised}")]
    InputIncomplete { found: u64, promised: u64 },
    #[error("the report that is to be mailed is not there")]
    NoReport,
    #[error("the mail cannot be written")]
    Template(#[from] TemplateFault),
    #[error("what the report waits for cannot come true: {}", .0.code)]
    InVain(JobError),
}

impl HandlerFault {
    /// Logs the fault, once, and classifies it.
    pub(super) fn into_failure(self) -> Failure {
        if let Self::InVain(error) = self {
            tracing::warn!(error.code, "a report waits in vain and fails");
            return Failure::Permanent(error);
        }
        let cause = chain(&self);
        if self.is_transient() {
            tracing::warn!(
                error = &self as &dyn std::error::Error,
                "the attempt failed and will be repeated"
            );
            return Failure::Transient { reason: cause };
        }
        tracing::error!(
            error = &self as &dyn std::error::Error,
            "the attempt failed for good"
        );
        let detail = "Census failed to do this; the operator's log says why.".to_owned();
        Failure::Permanent(JobError {
            code: JobError::INTERNAL,
            detail,
        })
    }

    fn is_transient(&self) -> bool {
        match self {
            Self::Store(fault) => match fault {
                StoreError::Busy { .. } | StoreError::OutcomeUnknown { .. } | StoreError::Failed { .. } => {
                    true
                }
                StoreError::UploadLapsed | StoreError::Corrupt { .. } => false,
            },
            Self::Log(fault) => match fault {
                // An unfit topic waits for an operator, and nothing of what was accepted is given up meanwhile.
                LogError::Away { .. }
                | LogError::Unfit { .. }
                | LogError::OutOfRange { .. }
                | LogError::Remade { .. } => true,
                LogError::Refused { .. } => false,
            },
            Self::Gate(GateFault::Log(_) | GateFault::Store(_) | GateFault::Diverged { .. }) => true,
            Self::Projection(ProjectionError::Fenced | ProjectionError::Failed { .. }) => true,
            Self::Input(_)
            | Self::InputIncomplete { .. }
            | Self::NoReport
            | Self::Template(_)
            | Self::InVain(_) => false,
        }
    }
}

/// The fault with its causes in one line, for the attempt history: no payload, no address, no secret is in it.
fn chain(fault: &dyn std::error::Error) -> String {
    let mut text = fault.to_string();
    if let Some(cause) = fault.source() {
        text.push_str(": ");
        text.push_str(&cause.to_string());
    }
    text
}
