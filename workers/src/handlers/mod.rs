//! Step 5: the handler of a job's kind does the work. One file for each kind.

mod fault;
mod log_ends;
mod report;
mod submit;

use shared::job::JobRequest;
use shared::ports::Outcome;

use crate::execute::Attempt;
use crate::log_state::LogState;
use crate::ports::CrewPorts;

/// The handlers of all kinds.
pub(crate) struct Handlers {
    submit: submit::SubmitHandler,
    report: report::ReportHandler,
}

impl Handlers {
    pub(crate) fn new(ports: &CrewPorts, log_state: &LogState) -> Self {
        Self {
            submit: submit::SubmitHandler::new(ports, log_state.clone()),
            report: report::ReportHandler::new(ports, log_state.clone()),
        }
    }

    /// Does the work of one attempt; `None` when its lease was lost and nothing may be written.
    pub(crate) async fn handle(&self, attempt: &Attempt) -> Option<Outcome> {
        match &attempt.claimed.request {
            JobRequest::Submit(_) => self.submit.handle(attempt).await,
            JobRequest::Report(request) => self.report.handle(attempt, request).await,
        }
    }
}
