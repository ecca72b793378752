//! The domain of mails: addresses, who may be written to, and how a report becomes a letter. No I/O.

mod address;
mod allowed;
mod compose;
mod letter;
mod server;
mod template;

pub use address::{AddressFault, MailAddress, Mailbox};
pub use allowed::{Allowed, AllowedFault, AllowedRecipients};
pub use compose::{CSV_ROWS_MAX, LetterHead, compose};
pub use letter::{Attachment, Letter};
pub use server::{MailServer, MailServerFault, MailTls};
pub use template::{TemplateFault, Templates};
