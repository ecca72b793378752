//! What the end of a conversation means for a letter: tried again, or refused for good.

use lettre::transport::smtp::Error;

use crate::ports::MailError;

/// Characters of a server's answer that are kept.
const SAID_MAX: usize = 300;

/// Before a letter is spoken of nothing is for good: a password that was changed, a certificate that is not trusted, a
/// STARTTLS that is not offered may be mended while the letter waits. What the server said of them is for the operator.
pub(super) fn of_the_server(error: &Error) -> MailError {
    let reason = match error.status().map(u16::from) {
        Some(status) => {
            format!("it answered {status} before there was a mail; see to its address and the login")
        }
        None => silent_reason(error),
    };
    MailError::Away { reason, said: None }
}

/// Only a server's own 5yz is for good (RFC 5321 §4.2.1).
pub(super) fn of_the_letter(error: &Error) -> MailError {
    let status = error.status().map(u16::from);
    match status {
        Some(status) if error.is_permanent() => MailError::Refused {
            status,
            said: said(error).unwrap_or_default(),
        },
        Some(status) => MailError::Away {
            reason: format!("it answered {status}"),
            said: said(error),
        },
        None => MailError::Away {
            reason: silent_reason(error),
            said: None,
        },
    }
}

/// Without an answer the reason is of our own making, or of the system's: no address of a person is in it.
fn silent_reason(error: &Error) -> String {
    let kind = if error.is_timeout() {
        "it said nothing in time"
    } else if error.is_tls() {
        "the connection cannot be encrypted"
    } else if error.is_response() {
        "its answer cannot be read"
    } else if error.is_client() {
        "it does not offer what the configuration asks for"
    } else {
        "the connection cannot be made, or broke off"
    };
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}"));
    one_line(&format!("{kind}{}", cause.unwrap_or_default()))
}

/// The words of the server's answer.
fn said(error: &Error) -> Option<String> {
    std::error::Error::source(error).map(|words| one_line(&words.to_string()))
}

fn one_line(text: &str) -> String {
    let spaced = text.replace(char::is_control, " ");
    let words: Vec<_> = spaced.split_whitespace().collect();
    words.join(" ").chars().take(SAID_MAX).collect()
}
