//! Mail is off: the report stands in the log, as the first Census showed it.

use async_trait::async_trait;

use crate::mail::{Letter, MailAddress};
use crate::ports::{Handover, MailError, Mailer};

/// Writes what would have been mailed into the log.
#[derive(Clone, Copy, Debug, Default)]
pub struct LoggedMailer;

#[async_trait]
impl Mailer for LoggedMailer {
    fn takes_many(&self) -> bool {
        true
    }

    /// Whoever turns mail off asks to read here what is sent to whom: the one place at which the log names addresses.
    async fn send(&self, letter: &Letter, to: &[MailAddress]) -> Result<Handover, MailError> {
        let recipients: Vec<_> = to.iter().map(MailAddress::as_str).collect();
        tracing::info!(
            mail.recipients = recipients.join(", "),
            mail.subject = letter.subject,
            mail.counts = letter.counts,
            "report generated, mail is off"
        );
        Ok(Handover::Logged)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::mail::Attachment;
    use crate::time::Timestamp;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(line);
            Ok(line.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn what_would_have_been_mailed_is_one_line_of_the_log() {
        let lines = Lines::default();
        let log = lines.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_writer(move || log.clone())
            .finish();
        let _guard = tracing::subscriber::set_default(subscriber);
        let letter = Letter {
            id: "report.1".to_owned(),
            to: Vec::new(),
            date: Timestamp::from_millis(0),
            subject: "Census report: 3 users in 2 cities".to_owned(),
            text: String::new(),
            html: String::new(),
            attachment: Attachment {
                name: String::new(),
                body: Vec::new(),
            },
            counts: "Detroit, MI, US: 2; Köln, DE: 1".to_owned(),
        };
        let to = ["ann@example.com", "bob@example.com"].map(|to| to.parse().unwrap());
        assert_eq!(LoggedMailer.send(&letter, &to).await, Ok(Handover::Logged));
        let line = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        for part in [
            "report generated, mail is off",
            "mail.recipients=\"ann@example.com, bob@example.com\"",
            "mail.subject=\"Census report: 3 users in 2 cities\"",
            "mail.counts=\"Detroit, MI, US: 2; Köln, DE: 1\"",
        ] {
            assert!(line.contains(part), "{part} in {line}");
        }
    }
}
