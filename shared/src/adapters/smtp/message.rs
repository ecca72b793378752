//! A letter as bytes (RFC 5322): text and HTML side by side, the counts as a file, headers that nothing breaks out of.

use std::time::{Duration, SystemTime};

use lettre::Message;
use lettre::message::header::{ContentType, Header, HeaderName, HeaderValue};
use lettre::message::{Attachment, Mailbox as LettreMailbox, MultiPart};

use super::{address, unwritable};
use crate::mail::{Letter, MailAddress, Mailbox};
use crate::ports::MailError;

/// The mail. The same letter becomes the same mail, but for the borders between its parts.
pub(super) fn write(letter: &Letter, from: &Mailbox) -> Result<Vec<u8>, MailError> {
    let since_1970 = Duration::from_millis(letter.date.as_millis().unsigned_abs());
    let mut message = Message::builder()
        .from(LettreMailbox::new(from.name.clone(), address(&from.address)?))
        .subject(letter.subject.as_str())
        .date(SystemTime::UNIX_EPOCH + since_1970)
        .message_id(Some(format!("<{}@{}>", letter.id, from.address.domain())))
        .header(AutoSubmitted);
    for recipient in &letter.to {
        message = message.to(mailbox(recipient)?);
    }
    let bodies = MultiPart::alternative_plain_html(letter.text.clone(), letter.html.clone());
    let csv = ContentType::parse("text/csv; charset=utf-8").map_err(unwritable)?;
    let file = Attachment::new(letter.attachment.name.clone()).body(letter.attachment.body.clone(), csv);
    let whole = MultiPart::mixed().multipart(bodies).singlepart(file);
    Ok(message.multipart(whole).map_err(unwritable)?.formatted())
}

fn mailbox(recipient: &MailAddress) -> Result<LettreMailbox, MailError> {
    Ok(LettreMailbox::new(None, address(recipient)?))
}

/// RFC 3834: nobody's holiday notice answers a machine.
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::Attachment as File;
    use crate::time::Timestamp;

    fn letter(subject: &str) -> Letter {
        Letter {
            id: "report.1".to_owned(),
            to: vec![
                "ann@example.com".parse().unwrap(),
                "bob@example.com".parse().unwrap(),
            ],
            date: Timestamp::from_millis(1_800_000_000_000),
            subject: subject.to_owned(),
            text: "Köln: 4\n".to_owned(),
            html: "<p>Köln</p>".to_owned(),
            attachment: File {
                name: "report.csv".to_owned(),
                body: "Köln,4\n".into(),
            },
            counts: String::new(),
        }
    }

    fn written(letter: &Letter) -> String {
        let from = "\"Census, weekly\" <census@example.com>".parse().unwrap();
        String::from_utf8(write(letter, &from).unwrap()).unwrap()
    }

    #[test]
    fn a_mail_says_what_it_is() {
        let mail = written(&letter("7 users"));
        for line in [
            // A name with a comma is written as a word of its own (RFC 2047).
            "From: =?utf-8?b?Q2Vuc3VzLCB3ZWVrbHk=?= <census@example.com>\r\n",
            "To: ann@example.com, bob@example.com\r\n",
            "Subject: 7 users\r\n",
            "Date: Fri, 15 Jan 2027 08:00:00 +0000\r\n",
            "Message-ID: <report.1@example.com>\r\n",
            "Auto-Submitted: auto-generated\r\n",
            "MIME-Version: 1.0\r\n",
            "Content-Disposition: attachment; filename=\"report.csv\"\r\n",
        ] {
            assert!(mail.contains(line), "{line} in {mail}");
        }
        assert!(mail.is_ascii(), "{mail}");
        assert!(mail.lines().all(|line| line.len() <= 998));
    }

    #[test]
    fn a_header_takes_no_second_line() {
        let mail = written(&letter("7 users\r\nBcc: eve@example.com\n\nKöln"));
        let (headers, _) = mail.split_once("\r\n\r\n").unwrap();
        assert!(!headers.lines().any(|line| line.starts_with("Bcc:")), "{headers}");
    }
}
