//! Step 5: the handler of a job's kind does the work. One file for each kind.

mod bulk;
mod fault;
mod log_ends;
mod mail;
mod report;
mod submit;

use std::sync::Arc;

use shared::job::{JobRequest, ReportRequest};
use shared::ports::Outcome;

use self::bulk::Action;
use crate::attempt::Attempt;
use crate::log_gate::LogGate;
use crate::ports::{CrewPorts, CrewSettings};

/// The handlers of all kinds.
pub(crate) struct Handlers {
    submit: submit::SubmitHandler,
    report: report::ReportHandler,
    mail: mail::MailHandler,
    bulk: bulk::BulkHandler,
}

impl Handlers {
    pub(crate) fn new(ports: &CrewPorts, settings: &CrewSettings, gate: &Arc<LogGate>) -> Self {
        Self {
            submit: submit::SubmitHandler::new(ports, Arc::clone(gate)),
            report: report::ReportHandler::new(ports),
            mail: mail::MailHandler::new(ports, settings),
            bulk: bulk::BulkHandler::new(ports),
        }
    }

    /// Does the work of a [`Share::Together`](crate::together::Share): the outcomes in order, none where the lease was
    /// lost. `None` when nothing was done and each attempt has to be handled alone.
    pub(crate) async fn handle_together(&self, attempts: &[Attempt]) -> Option<Vec<Option<Outcome>>> {
        self.submit.handle_together(attempts).await
    }

    /// Does the work of one attempt; `None` when its lease was lost and nothing may be written.
    pub(crate) async fn handle(&self, attempt: &Attempt) -> Option<Outcome> {
        match &attempt.claimed.request {
            JobRequest::Submit(_) => self.submit.handle(attempt).await,
            JobRequest::Report(request) if attempt.claimed.lease.task.task == ReportRequest::MAIL_TASK => {
                self.mail.handle(attempt, request).await
            }
            JobRequest::Report(request) => self.report.handle(attempt, request).await,
            JobRequest::Cancel(request) => self.bulk.handle(attempt, Action::Cancel, request).await,
            JobRequest::Retry(request) => self.bulk.handle(attempt, Action::Retry, request).await,
        }
    }
}
