//! Mail over SMTP with lettre, and what stands in its place where mail is off.

mod conversation;
mod logged;
mod message;
mod verdict;

pub use logged::LoggedMailer;

use std::time::Duration;

use async_trait::async_trait;
use lettre::Address;
use lettre::address::Envelope;

use self::conversation::{Broken, Way};
use crate::mail::{Letter, MailAddress, MailServer, Mailbox};
use crate::ports::{Handover, MailError, Mailer};

/// How long a handover may take. A server that says nothing for so long may still have taken the mail; a longer
/// patience makes that rarer (RFC 5321 §4.5.3.2.6).
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Hands letters to one server, each on a connection of its own.
pub struct SmtpMailer {
    way: Way,
    from: Mailbox,
    patience: Duration,
}

/// A server that cannot be spoken to as it is configured.
#[derive(Debug, thiserror::Error)]
#[error("TLS cannot be prepared for the mail server")]
pub struct SmtpFault(#[source] lettre::transport::smtp::Error);

impl SmtpMailer {
    /// A mailer of this server; nothing is connected yet. `from` stands in every mail.
    ///
    /// # Errors
    /// [`SmtpFault`] when the host has no certificates to trust, or the server's name is none for TLS.
    pub fn new(server: &MailServer, from: Mailbox, patience: Duration) -> Result<Self, SmtpFault> {
        Ok(Self {
            way: Way::new(server, patience).map_err(SmtpFault)?,
            from,
            patience,
        })
    }
}

#[async_trait]
impl Mailer for SmtpMailer {
    fn takes_many(&self) -> bool {
        false
    }

    async fn send(&self, letter: &Letter, to: &[MailAddress]) -> Result<Handover, MailError> {
        let message = message::write(letter, &self.from)?;
        let envelope = envelope(&self.from.address, to)?;
        // lettre bounds the connecting only; a server may fall silent at any word.
        let sending = self.way.hand_over(&envelope, &message);
        match tokio::time::timeout(self.patience, sending).await {
            Ok(Ok(())) => Ok(Handover::Accepted),
            Ok(Err(Broken::BeforeTheLetter(error))) => Err(verdict::of_the_server(&error)),
            Ok(Err(Broken::AtTheLetter(error))) => Err(verdict::of_the_letter(&error)),
            Err(_) => Err(MailError::Away {
                reason: format!("it said nothing for {} s", self.patience.as_secs()),
                said: None,
            }),
        }
    }
}

fn envelope(from: &MailAddress, to: &[MailAddress]) -> Result<Envelope, MailError> {
    let to: Result<Vec<_>, _> = to.iter().map(address).collect();
    Envelope::new(Some(address(from)?), to?).map_err(unwritable)
}

fn address(address: &MailAddress) -> Result<Address, MailError> {
    address.as_str().parse().map_err(unwritable)
}

fn unwritable(error: impl std::fmt::Display) -> MailError {
    MailError::Unwritable {
        reason: error.to_string(),
    }
}
