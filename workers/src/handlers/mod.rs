//! Step 5: the handler of a job's kind does the work. One file for each kind.

mod bulk;
mod fault;
mod log_ends;
mod report;
mod submit;

use std::sync::Arc;

use shared::job::JobRequest;
use shared::ports::Outcome;

use self::bulk::Action;
use crate::execute::Attempt;
use crate::log_gate::LogGate;
use crate::ports::CrewPorts;

/// The handlers of all kinds.
pub(crate) struct Handlers {
    submit: submit::SubmitHandler,
    report: report::ReportHandler,
    bulk: bulk::BulkHandler,
}

impl Handlers {
    pub(crate) fn new(ports: &CrewPorts, gate: &Arc<LogGate>) -> Self {
        Self {
            submit: submit::SubmitHandler::new(ports, Arc::clone(gate)),
            report: report::ReportHandler::new(ports),
            bulk: bulk::BulkHandler::new(ports),
        }
    }

    /// Does the work of one attempt; `None` when its lease was lost and nothing may be written.
    pub(crate) async fn handle(&self, attempt: &Attempt) -> Option<Outcome> {
        match &attempt.claimed.request {
            JobRequest::Submit(_) => self.submit.handle(attempt).await,
            JobRequest::Report(request) => self.report.handle(attempt, request).await,
            JobRequest::Cancel(request) => self.bulk.handle(attempt, Action::Cancel, request).await,
            JobRequest::Retry(request) => self.bulk.handle(attempt, Action::Retry, request).await,
        }
    }
}
