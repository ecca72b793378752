//! A report as it is mailed: the same for every recipient and every try.

use super::MailAddress;
use crate::time::Timestamp;

/// One mail. Nothing in it depends on the try, so that a repeated one is recognisably the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// The part of the `Message-ID` before the `@`. In ASCII without white space.
    pub id: String,
    /// Everybody whom it is for, shown in `To`.
    pub to: Vec<MailAddress>,
    /// When the counts were read.
    pub date: Timestamp,
    /// One line.
    pub subject: String,
    /// The body for readers without HTML.
    pub text: String,
    /// The body with a table and bars.
    pub html: String,
    /// All counts as a file.
    pub attachment: Attachment,
    /// The counts of the first places in one line, for a log.
    pub counts: String,
}

/// A file that goes with a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// Its name, in ASCII.
    pub name: String,
    /// CSV in UTF-8.
    pub body: Vec<u8>,
}
