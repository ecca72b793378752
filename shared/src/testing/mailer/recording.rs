//! A mailer that keeps what it is given, and treats recipients as the suite's server does.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use crate::mail::{Letter, MailAddress};
use crate::ports::{Handover, MailError, Mailer};

/// What was sent, and who has been turned away once.
#[derive(Debug, Default)]
pub struct RecordingMailer {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    taken: Vec<(Letter, Vec<MailAddress>)>,
    turned_away: BTreeSet<MailAddress>,
}

impl RecordingMailer {
    /// The letters that were taken, with the recipients of each.
    #[must_use]
    pub fn taken(&self) -> Vec<(Letter, Vec<MailAddress>)> {
        self.kept
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .taken
            .clone()
    }
}

#[async_trait]
impl Mailer for RecordingMailer {
    fn takes_many(&self) -> bool {
        false
    }

    async fn send(&self, letter: &Letter, to: &[MailAddress]) -> Result<Handover, MailError> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        for recipient in to {
            let local = recipient.as_str().split(['@', '+']).next();
            match local.unwrap_or_default() {
                "refuse" => {
                    return Err(MailError::Refused {
                        status: 550,
                        said: "5.1.1 no such user here".to_owned(),
                    });
                }
                "later" | "stall" | "drop" if kept.turned_away.insert(recipient.clone()) => {
                    return Err(MailError::Away {
                        reason: "it answered 451".to_owned(),
                        said: None,
                    });
                }
                _ => {}
            }
        }
        kept.taken.push((letter.clone(), to.to_vec()));
        Ok(Handover::Accepted)
    }
}
