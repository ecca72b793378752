//! The way of a report to its readers. What comes of it stands in the job store.

use async_trait::async_trait;

use crate::mail::{Letter, MailAddress};

/// Hands letters over.
#[async_trait]
pub trait Mailer: Send + Sync {
    /// Whether one handover may be for several recipients. A server accepts and refuses them one by one, so there
    /// each has a handover of its own, and what was accepted is kept before the next.
    fn takes_many(&self) -> bool;

    /// Hands the letter over for these recipients. It is the same letter whoever gets it, and however often it is
    /// tried.
    ///
    /// # Errors
    /// [`MailError`] says whether trying again may help; the letter may have got through all the same.
    async fn send(&self, letter: &Letter, to: &[MailAddress]) -> Result<Handover, MailError>;
}

/// What became of a letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handover {
    /// A server has taken it upon itself to deliver it.
    Accepted,
    /// Mail is off; it stands in the log.
    Logged,
}

/// Why a letter was not taken. Neither text holds an address of ours; `said` may hold what the server made of it, and
/// is never logged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MailError {
    /// The server is away, silent, or asks to come again.
    #[error("the mail server did not take the mail now: {reason}")]
    Away {
        /// For the operator and the attempt history.
        reason: String,
        /// What the server said, in one line, where it said anything.
        said: Option<String>,
    },
    /// The server will not take it, however often it is tried.
    #[error("the mail server refused the mail with {status}")]
    Refused {
        /// The status of SMTP, 500 to 599.
        status: u16,
        /// What the server said, in one line.
        said: String,
    },
    /// The letter cannot be written down as a mail.
    #[error("the mail cannot be written: {reason}")]
    Unwritable {
        /// What is wrong with it.
        reason: String,
    },
}
