//! One cleaned event as a job's input keeps it: a line of JSON, published later without another look inside.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;

use uuid::Uuid;

use crate::event::{CleanEvent, CleanUser, EventId};

/// A line of an [`crate::ports::InputChunk`]: `{"n":<ordinal>,"e":<client's event id>,"u":<user>}`.
///
/// A newer writer may add members; a changed meaning gets another name (P24).
#[derive(Debug, Deserialize)]
pub struct StoredEvent<'a> {
    /// The event's ordinal: its place among the non-blank records of the input, from 0 (P11).
    #[serde(rename = "n")]
    pub ordinal: u64,
    #[serde(rename = "e", borrow, default)]
    event_id: Option<Cow<'a, str>>,
    /// The cleaned user as JSON, exactly as it is published.
    #[serde(rename = "u", borrow)]
    pub user: &'a RawValue,
}

#[derive(Serialize)]
struct Line<'a> {
    #[serde(rename = "n")]
    ordinal: u64,
    #[serde(rename = "e", skip_serializing_if = "Option::is_none")]
    event_id: Option<&'a str>,
    #[serde(rename = "u")]
    user: &'a CleanUser,
}

#[derive(Deserialize)]
struct UserHead<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    datetime: Cow<'a, str>,
}

/// What publishing needs to know of the user besides its JSON.
#[derive(Debug)]
pub struct StoredHead<'a> {
    /// The event's id.
    pub id: EventId,
    /// The user's id.
    pub user_id: Cow<'a, str>,
    /// The event's time, RFC 3339.
    pub time: Cow<'a, str>,
}

/// A line that this program did not write.
#[derive(Debug, thiserror::Error)]
#[error("a stored event cannot be read")]
pub struct StoredEventFault {
    #[from]
    source: serde_json::Error,
}

impl<'a> StoredEvent<'a> {
    /// Appends the line of one event, line feed included.
    pub fn write(ordinal: u64, event: &CleanEvent, out: &mut Vec<u8>) {
        let line = Line {
            ordinal,
            event_id: event.event_id.as_deref(),
            user: &event.user,
        };
        serde_json::to_writer(&mut *out, &line)
            .expect("a Vec never fails to write, and every member is a string or a number");
        out.push(b'\n');
    }

    /// Reads the lines of a chunk.
    pub fn lines(body: &'a [u8]) -> impl Iterator<Item = Result<Self, StoredEventFault>> {
        body.split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_slice(line).map_err(StoredEventFault::from))
    }

    /// The identity under which the event is published by a job with root `root` (P11, P12).
    ///
    /// # Errors
    /// [`StoredEventFault`] when the user is not one of ours.
    pub fn head(&self, root: Uuid) -> Result<StoredHead<'a>, StoredEventFault> {
        let UserHead {
            id: user_id,
            datetime: time,
        } = serde_json::from_str(self.user.get())?;
        let id = match &self.event_id {
            Some(event) => EventId::Client {
                user: user_id.to_string(),
                event: event.to_string(),
            },
            None => EventId::Ordinal {
                root,
                ordinal: self.ordinal,
            },
        };
        Ok(StoredHead { id, user_id, time })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOLDEN: &str = concat!(
        r#"{"n":17,"u":{"id":"u-1","address":{"city":"Chagrin Falls","state":"OH","country":"US","postCode":"44023"},"datetime":"2019-05-07T19:54:13.563Z"}}"#,
        "\n",
        r#"{"n":19,"e":"e/1","u":{"id":"ü 2","address":{"city":"Köln","country":"DE"},"datetime":"2020-01-01T00:00:00.000Z"}}"#,
        "\n",
    );

    #[test]
    fn the_golden_lines_are_read_and_written_alike() {
        let root = Uuid::from_u128(7);
        let mut written = Vec::new();
        for line in StoredEvent::lines(GOLDEN.as_bytes()) {
            let line = line.unwrap();
            let user: CleanUser = serde_json::from_str(line.user.get()).unwrap();
            let event_id = line.event_id.as_deref().map(str::to_owned);
            StoredEvent::write(line.ordinal, &CleanEvent { event_id, user }, &mut written);
        }
        assert_eq!(String::from_utf8(written).unwrap(), GOLDEN);
        let second = StoredEvent::lines(GOLDEN.as_bytes()).nth(1).unwrap().unwrap();
        let head = second.head(root).unwrap();
        assert_eq!(
            head.id,
            EventId::Client {
                user: "ü 2".into(),
                event: "e/1".into()
            }
        );
        assert_eq!(head.time, "2020-01-01T00:00:00.000Z");
    }
}
