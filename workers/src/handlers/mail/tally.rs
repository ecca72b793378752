//! What became of a letter for those who had not got it, and what that means for its task.

use shared::job::{Failure, JobError};
use shared::mail::MailAddress;
use shared::ports::{Outcome, Published};

/// The count of one try.
#[derive(Debug)]
pub(super) struct Tally {
    recipients: usize,
    /// How many were refused, and the first of them with the reason.
    refused: usize,
    first: Option<String>,
    /// Why the last that was put off has to wait.
    put_off: Option<String>,
    unanswered: bool,
}

impl Tally {
    /// Nothing yet, of so many recipients.
    pub(super) fn of(recipients: usize) -> Self {
        Self {
            recipients,
            refused: 0,
            first: None,
            put_off: None,
            unanswered: false,
        }
    }

    /// One will never get it.
    pub(super) fn refuse(&mut self, recipient: &MailAddress, why: &str) {
        self.refused += 1;
        self.first.get_or_insert_with(|| format!("{recipient} {why}"));
    }

    /// One may get it later. A server that has said nothing may say nothing to the others either.
    pub(super) fn put_off(&mut self, reason: String, said: Option<String>) {
        self.unanswered = said.is_none();
        self.put_off = Some(match said {
            Some(said) => format!("{reason}: {said}"),
            None => reason,
        });
    }

    /// Whether the rest is better tried later.
    pub(super) fn is_unanswered(&self) -> bool {
        self.unanswered
    }

    /// Whoever may still get it is tried again before the task fails for the others.
    pub(super) fn outcome(self) -> Outcome {
        if let Some(reason) = self.put_off {
            return failed(Failure::Transient {
                reason: format!("the mail server did not take the mail: {reason}"),
            });
        }
        let Some(first) = self.first else {
            return Outcome::Mailed;
        };
        let detail = format!(
            "The report was made, but not mailed to {} of {} recipients: {}.",
            self.refused,
            self.recipients,
            first.trim_end_matches('.')
        );
        failed(Failure::Permanent(JobError {
            code: JobError::MAIL_REFUSED,
            detail,
        }))
    }
}

/// The end of a try that did not reach everybody.
pub(super) fn failed(failure: Failure) -> Outcome {
    Outcome::Failed {
        failure,
        published: Published::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(outcome: Outcome) -> String {
        match outcome {
            Outcome::Failed {
                failure: Failure::Transient { reason },
                published: _,
            } => reason,
            Outcome::Failed {
                failure: Failure::Permanent(error),
                published: _,
            } => format!("{}: {}", error.code, error.detail),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn the_task_fails_once_nobody_is_left_who_may_still_get_it() {
        let ann = "ann@example.com".parse().unwrap();
        assert_eq!(reason(Tally::of(2).outcome()), "Mailed");
        let mut tally = Tally::of(3);
        tally.refuse(&ann, "was refused by the mail server: 550 no such user.");
        tally.refuse(&ann, "was refused by the mail server: 550 nobody");
        tally.put_off("it answered 451".to_owned(), Some("come again".to_owned()));
        assert!(!tally.is_unanswered());
        assert_eq!(
            reason(tally.outcome()),
            "the mail server did not take the mail: it answered 451: come again"
        );
        let mut tally = Tally::of(3);
        tally.refuse(&ann, "was refused by the mail server: 550 no such user.");
        assert_eq!(
            reason(tally.outcome()),
            "mail_refused: The report was made, but not mailed to 1 of 3 recipients: ann@example.com was refused by \
             the mail server: 550 no such user."
        );
        let mut tally = Tally::of(1);
        tally.put_off("it said nothing".to_owned(), None);
        assert!(tally.is_unanswered());
    }
}
