//! The mail of a report that was made: handed over for each recipient who has not got it.

mod tally;

use std::sync::Arc;
use std::time::Duration;

use shared::faults::{self, Step};
use shared::job::{Backoff, Failure, JobId, JobView, Report, ReportRequest};
use shared::mail::{CSV_ROWS_MAX, Letter, LetterHead, MailAddress, compose};
use shared::ports::{
    Handover, JobLookup, JobReader, MailError, MailLedger, Mailer, Outcome, Published, StoreError,
};
use tokio::sync::Semaphore;

use self::tally::{Tally, failed};
use super::fault::HandlerFault;
use crate::attempt::Attempt;
use crate::heart::Signal;
use crate::ports::{CrewPorts, CrewSettings, MailRules};

/// Rows that are read at a time.
const PAGE: usize = 1_000;
/// Mails under way at a time in one process: servers turn a crowd away, and a letter with all its rows is large.
const AT_A_TIME: usize = 4;
/// How long a mail waits for its turn: behind a server that stands still it must keep no report from its worker.
const TURN_PATIENCE: Duration = Duration::from_secs(5);
/// How long a handover under way may take after a stop: broken off, nobody knows what the server made of it.
const GRACE: Duration = Duration::from_secs(5);

/// Handles the second task of reports that are mailed.
pub(super) struct MailHandler {
    mailer: Arc<dyn Mailer>,
    ledger: Arc<dyn MailLedger>,
    reader: Arc<dyn JobReader>,
    rules: MailRules,
    turns: Semaphore,
}

impl MailHandler {
    pub(super) fn new(ports: &CrewPorts, settings: &CrewSettings) -> Self {
        Self {
            mailer: Arc::clone(&ports.mailer),
            ledger: Arc::clone(&ports.mails),
            reader: Arc::clone(&ports.reader),
            rules: settings.mail.clone(),
            turns: Semaphore::new(AT_A_TIME),
        }
    }

    /// Sends the mail; `None` when the lease was lost.
    pub(super) async fn handle(&self, attempt: &Attempt, request: &ReportRequest) -> Option<Outcome> {
        let turn = tokio::select! {
            biased;
            turn = tokio::time::timeout(TURN_PATIENCE, self.turns.acquire()) => turn,
            signal = attempt.pulse.stopped() => return interrupted(signal),
        };
        if turn.is_err() {
            return Some(failed(Failure::Transient {
                reason: "the mails before this one take long".to_owned(),
            }));
        }
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
        let mut tally = Tally::of(request.mail_to.len());
        // The list may have changed since the report was asked for.
        let (mut allowed, forbidden): (Vec<_>, Vec<_>) =
            missing.partition(|to| self.rules.allowed.contains(to));
        if !allowed.is_empty() {
            // Each try begins with another one: whoever makes a server fall silent must not keep the rest from theirs.
            let first = attempt.claimed.attempt as usize - 1;
            let among = allowed.len();
            allowed.rotate_left(first % among);
        }
        for recipient in &forbidden {
            tally.refuse(
                recipient,
                "is not among the recipients that the configuration allows",
            );
        }
        for to in self.handovers(&allowed, request) {
            match attempt.pulse.signal() {
                Signal::Go => {}
                signal @ (Signal::Stop | Signal::Lost) => return Ok(interrupted(signal)),
            }
            if !self.hand_over(attempt, &letter, to, &mut tally).await? {
                return Ok(None);
            }
            if tally.is_unanswered() {
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
                tally.put_off(reason, said);
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

    /// A note that cannot be written is tried again while the lease is ours, and at least once: the mail is out, and
    /// only the note keeps it from going out again. `false` when the lease was lost.
    async fn note(&self, attempt: &Attempt, to: &[MailAddress]) -> Result<bool, StoreError> {
        let mut failures = 0;
        loop {
            match self.ledger.note_mailed(attempt.claimed.lease, to.to_vec()).await {
                Ok(noted) => return Ok(noted),
                Err(error @ (StoreError::Corrupt { .. } | StoreError::UploadLapsed)) => return Err(error),
                Err(
                    error @ (StoreError::Busy { .. }
                    | StoreError::OutcomeUnknown { .. }
                    | StoreError::Failed { .. }),
                ) => {
                    failures += 1;
                    tracing::warn!(
                        failures,
                        error = &error as &dyn std::error::Error,
                        "a mail is out, and that cannot be kept yet"
                    );
                    tokio::time::sleep(Backoff::RECONNECT.draw(failures)).await;
                }
            }
            if attempt.pulse.signal() == Signal::Lost {
                return Ok(false);
            }
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

/// What a handler answers that was told to stop, or has lost its lease.
fn interrupted(signal: Signal) -> Option<Outcome> {
    match signal {
        Signal::Lost => None,
        Signal::Stop | Signal::Go => Some(Outcome::HandBack(Published::default())),
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
