//! What a dead message tells of itself, and what the server wrote on it when it died.

use amiquip::{AmqpValue, Delivery, FieldTable};

use crate::ports::DeadMessage;
use crate::time::Timestamp;

/// Characters of the body that are shown.
const SHOWN: usize = 200;

/// Describes the message; `fault` says why it cannot be sent again.
pub(super) fn dead_message(dead: &Delivery, fault: Option<String>) -> DeadMessage {
    let death = death(dead);
    DeadMessage {
        type_name: dead.properties.type_().clone(),
        queue: origin(dead),
        reason: death.and_then(|death| text(death, "reason")),
        died_at: death.and_then(died_at),
        size_bytes: dead.body.len(),
        start: printable(&dead.body),
        fault,
    }
}

/// The queue that the message died in.
pub(super) fn origin(dead: &Delivery) -> Option<String> {
    text(death(dead)?, "queue")
}

/// The last death of the message: the server puts it in front.
fn death(dead: &Delivery) -> Option<&FieldTable> {
    let deaths = dead.properties.headers().as_ref()?.get("x-death")?;
    let AmqpValue::FieldArray(deaths) = deaths else {
        return None;
    };
    match deaths.first()? {
        AmqpValue::FieldTable(death) => Some(death),
        _ => None,
    }
}

fn text(death: &FieldTable, name: &str) -> Option<String> {
    match death.get(name)? {
        AmqpValue::LongString(text) => Some(text.clone()),
        _ => None,
    }
}

fn died_at(death: &FieldTable) -> Option<Timestamp> {
    match death.get("time")? {
        AmqpValue::Timestamp(seconds) => {
            let seconds = i64::try_from(*seconds).ok()?;
            Some(Timestamp::from_millis(seconds.saturating_mul(1_000)))
        }
        _ => None,
    }
}

/// The beginning as text: what a terminal would act on, and what is no text, is replaced.
fn printable(body: &[u8]) -> String {
    String::from_utf8_lossy(body)
        .chars()
        .take(SHOWN)
        .map(|c| if c.is_control() { '\u{FFFD}' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_of_a_body_is_harmless_at_a_terminal() {
        assert_eq!(printable(b"\x1b[2Ja\n\xffb"), "\u{FFFD}[2Ja\u{FFFD}\u{FFFD}b");
        assert_eq!(printable("é".repeat(500).as_bytes()).chars().count(), SHOWN);
    }
}
