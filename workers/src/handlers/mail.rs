//! The mail of a report that was made: handed over for each recipient who has not got it.

use std::sync::Arc;
use std::time::Duration;

use shared::faults::{self, Step};
use shared::job::{Failure, JobError, JobId, JobView, Report, ReportRequest};
use shared::mail::{CSV_ROWS_MAX, Letter, LetterHead, MailAddress, compose};
use shared::ports::{
    Handover, JobLookup, JobReader, MailError, MailLedger, Mailer, Outcome, Published, StoreError,
};

use super::fault::HandlerFault;
use crate::execute::Attempt;
use crate::heart::Signal;
use crate::ports::{CrewPorts, CrewSettings, MailRules};

/// Rows that are read at a time.
const PAGE: usize = 1_000;
/// How long a handover under way may take after a stop: broken off, nobody knows what the server made of it.
const GRACE: Duration = Duration::from_secs(5);

/// Handles the second task of reports that are mailed.
pub(super) struct MailHandler {
    mailer: Arc<dyn Mailer>,
    ledger: Arc<dyn MailLedger>,
    reader: Arc<dyn JobReader>,
    rules: MailRules,
}

/// What became of the letter for those who had not got it.
#[derive(Default)]
struct Tally {
    recipients: usize,
    refused: Vec<Refused>,
    away: Option<String>,
}

struct Refused {
    recipient: MailAddress,
    why: String,
}

impl MailHandler {
    pub(super) fn new(ports: &CrewPorts, settings: &CrewSettings) -> Self {
        Self {
            mailer: Arc::clone(&ports.mailer),
            ledger: Arc::clone(&ports.mails),
            reader: Arc::clone(&ports.reader),
            rules: settings.mail.clone(),
        }
    }

    /// Sends the mail; `None` when the lease was lost.
    pub(super) async fn handle(&self, attempt: &Attempt, request: &ReportRequest) -> Option<Outcome> {
        match self.try_mail(attempt, request).await {
            Ok(outcome) => outcome,
            Err(fault) => Some(failed(fault.into_failure())),
        }
    }

    async fn try_mail(
        &self,
        attempt: &Attempt,
        request: &ReportRequest,
    ) -> Result<Option<Outcome>, HandlerFault> {
        let root = attempt.claimed.root;
        let letter = self.letter(attempt, request, root).await?;
        let mailed = self.ledger.mailed(root).await?;
        let missing = request.mail_to.iter().filter(|to| !mailed.contains(to)).cloned();
        let mut tally = Tally {
            recipients: request.mail_to.len(),
            ..Tally::default()
        };
        // The list may have changed since the report was asked for.
        let (allowed, forbidden): (Vec<_>, Vec<_>) = missing.partition(|to| self.rules.allowed.contains(to));
        for recipient in &forbidden {
            tally.refuse(
                recipient,
                "is not among the recipients that the configuration allows",
            );
        }
        for to in self.handovers(&allowed, request) {
            match attempt.pulse.signal() {
                Signal::Go => {}
                Signal::Stop => return Ok(Some(Outcome::HandBack(Published::default()))),
                Signal::Lost => return Ok(None),
            }
            if !self.hand_over(attempt, &letter, to, &mut tally).await? {
                return Ok(None);
            }
            if tally.away.is_some() {
                break;
            }
        }
        Ok(Some(tally.outcome()))
    }

    /// What is handed over at a time. A report that a schedule makes for nobody is still logged where mail is off.
    fn handovers<'t>(&self, to: &'t [MailAddress], request: &ReportRequest) -> Vec<&'t [MailAddress]> {
        if !self.mailer.takes_many() {
            to.chunks(1).collect()
        } else if to.is_empty() && !request.mail_to.is_empty() {
            Vec::new()
        } else {
            vec![to]
        }
    }

    /// Hands the letter over and notes who has got it; `false` when the lease was lost.
    async fn hand_over(
        &self,
        attempt: &Attempt,
        letter: &Letter,
        to: &[MailAddress],
        tally: &mut Tally,
    ) -> Result<bool, HandlerFault> {
        let sent = self.send(attempt, letter, to).await;
        count(&sent);
        match sent {
            Ok(Handover::Accepted) => {
                faults::reach(Step::MailBeforeNote);
                return Ok(self.note(attempt, to).await?);
            }
            // Who turns mail on later may still want it sent: nothing is noted.
            Ok(Handover::Logged) => {}
            Err(MailError::Refused { status, said }) => {
                tracing::warn!(smtp.status = status, "the mail server refused a mail for good");
                for to in to {
                    tally.refuse(to, &format!("was refused by the mail server: {status} {said}"));
                }
            }
            Err(MailError::Away { reason, said }) => {
                tracing::warn!(reason, "the mail server did not take a mail; it is tried again");
                let said = said.map(|said| format!(": {said}")).unwrap_or_default();
                tally.away = Some(format!("{reason}{said}"));
            }
            Err(MailError::Unwritable { reason }) => {
                tracing::error!(reason, "a mail cannot be written");
                for to in to {
                    tally.refuse(to, "cannot be written to; the operator's log says why");
                }
            }
        }
        Ok(true)
    }

    async fn send(
        &self,
        attempt: &Attempt,
        letter: &Letter,
        to: &[MailAddress],
    ) -> Result<Handover, MailError> {
        let mut sending = self.mailer.send(letter, to);
        tokio::select! {
            biased;
            sent = &mut sending => sent,
            _ = attempt.pulse.stopped() => {
                let late = tokio::time::timeout(GRACE, sending).await;
                late.unwrap_or_else(|_| Err(MailError::Away {
                    reason: "the process stops, and the server has not answered".to_owned(),
                    said: None,
                }))
            }
        }
    }

    /// A note that cannot be written is tried again at once: the mail is out, and only the note keeps it from going
    /// out again.
    async fn note(&self, attempt: &Attempt, to: &[MailAddress]) -> Result<bool, StoreError> {
        let lease = attempt.claimed.lease;
        match self.ledger.note_mailed(lease, to.to_vec()).await {
            Err(StoreError::Busy { .. } | StoreError::OutcomeUnknown { .. } | StoreError::Failed { .. }) => {
                self.ledger.note_mailed(lease, to.to_vec()).await
            }
            noted => noted,
        }
    }

    async fn letter(
        &self,
        attempt: &Attempt,
        request: &ReportRequest,
        root: JobId,
    ) -> Result<Letter, HandlerFault> {
        let id = attempt.claimed.lease.task.job;
        let report = self.report(id).await?;
        let head = LetterHead {
            root,
            to: &request.mail_to,
            slot: request.schedule.map(|schedule| schedule.slot),
            link: self
                .rules
                .public_url
                .as_ref()
                .map(|url| format!("{url}/jobs/{id}")),
        };
        Ok(compose(&report, &head, &self.rules.templates)?)
    }

    async fn report(&self, id: JobId) -> Result<Report, HandlerFault> {
        let JobLookup::Found(job) = self.reader.job(id, 0).await? else {
            return Err(HandlerFault::NoReport);
        };
        let JobView { report, .. } = *job;
        let mut report = report.ok_or(HandlerFault::NoReport)?;
        while report.rows.len() < CSV_ROWS_MAX {
            let rows = self
                .reader
                .report_rows(id, report.rows.len() as u64, PAGE)
                .await?;
            let last = rows.len() < PAGE;
            report.rows.extend(rows);
            if last {
                break;
            }
        }
        Ok(report)
    }
}

impl Tally {
    fn refuse(&mut self, recipient: &MailAddress, why: &str) {
        self.refused.push(Refused {
            recipient: recipient.clone(),
            why: why.to_owned(),
        });
    }

    /// Whoever may still get it is tried again before the task fails for the others.
    fn outcome(self) -> Outcome {
        if let Some(reason) = self.away {
            return failed(Failure::Transient {
                reason: format!("the mail server did not take the mail: {reason}"),
            });
        }
        let Some(first) = self.refused.first() else {
            return Outcome::Mailed;
        };
        let (refused, all) = (self.refused.len(), self.recipients);
        let detail = format!(
            "The report was made, but not mailed to {refused} of {all} recipients: {} {}.",
            first.recipient,
            first.why.trim_end_matches('.')
        );
        failed(Failure::Permanent(JobError {
            code: JobError::MAIL_REFUSED,
            detail,
        }))
    }
}

fn count(sent: &Result<Handover, MailError>) {
    let outcome = match sent {
        Ok(Handover::Accepted) => "accepted",
        Ok(Handover::Logged) => "logged",
        Err(MailError::Refused { .. } | MailError::Unwritable { .. }) => "refused",
        Err(MailError::Away { .. }) => "away",
    };
    metrics::counter!("census_mails_total", "outcome" => outcome).increment(1);
}

fn failed(failure: Failure) -> Outcome {
    Outcome::Failed {
        failure,
        published: Published::default(),
    }
}
