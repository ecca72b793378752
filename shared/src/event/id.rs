//! The identity of an event, which never depends on time, attempt or task size (P11, P12).

use std::fmt::{self, Write as _};
use std::str::FromStr;

use percent_encoding::percent_decode_str;
use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

/// The id under which an event is published and counted once.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum EventId {
    /// `j:<root job>/<ordinal>` (P11).
    Ordinal {
        /// The root of the job's `retry_of` chain.
        root: Uuid,
        /// The event's place among the non-blank records of the input, from 0.
        ordinal: u64,
    },
    /// `c:<user id>/<event_id>` (P12).
    Client {
        /// The user's id.
        user: String,
        /// The client's id of the event.
        event: String,
    },
}

impl EventId {
    /// The id of an event that corrects the record at this place of the topic, where neither has one of its own
    /// (P19). However often it is derived, it is the same; its root is no job's.
    #[must_use]
    pub fn of_correction(topic: &str, partition: i32, offset: i64) -> Self {
        let digest = Sha256::new()
            .chain_update("census correction")
            .chain_update(partition.to_be_bytes())
            .chain_update(topic)
            .finalize();
        let mut root = [0; 16];
        root.copy_from_slice(&digest[..16]);
        Self::Ordinal {
            root: Builder::from_custom_bytes(root).into_uuid(),
            ordinal: offset.unsigned_abs(),
        }
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ordinal { root, ordinal } => write!(f, "j:{root}/{ordinal}"),
            Self::Client { user, event } => {
                // A general encoder would also escape what is not ASCII, unreadable in Kafka's tools.
                f.write_str("c:")?;
                for c in user.chars() {
                    match c {
                        '/' => f.write_str("%2F")?,
                        '%' => f.write_str("%25")?,
                        _ => f.write_char(c)?,
                    }
                }
                write!(f, "/{event}")
            }
        }
    }
}

/// A text that is no event id of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an event id of Census")]
pub struct EventIdFault;

impl FromStr for EventId {
    type Err = EventIdFault;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (space, rest) = text.split_once(':').ok_or(EventIdFault)?;
        let (owner, event) = rest.split_once('/').ok_or(EventIdFault)?;
        match space {
            "j" => Ok(Self::Ordinal {
                root: Uuid::try_parse(owner).map_err(|_| EventIdFault)?,
                ordinal: event.parse().map_err(|_| EventIdFault)?,
            }),
            "c" => Ok(Self::Client {
                user: percent_decode_str(owner)
                    .decode_utf8()
                    .map_err(|_| EventIdFault)?
                    .into_owned(),
                event: event.to_owned(),
            }),
            _ => Err(EventIdFault),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p12_user_and_event_are_told_apart() {
        for (user, event, text) in [
            ("u", "e", "c:u/e"),
            ("a/b", "c", "c:a%2Fb/c"),
            ("a", "b/c", "c:a/b/c"),
            ("50%", "100%", "c:50%25/100%"),
            ("Jürgen", "é", "c:Jürgen/é"),
        ] {
            let id = EventId::Client {
                user: user.into(),
                event: event.into(),
            };
            assert_eq!(id.to_string(), text);
            assert_eq!(text.parse(), Ok(id));
        }
    }

    #[test]
    fn p11_a_correction_has_one_id_for_each_place() {
        let id = EventId::of_correction("user-events", 3, 17);
        assert_eq!(id.to_string(), "j:6aec3abd-06e0-85c3-ba48-360d9028fa8f/17");
        for other in [("user-events", 3, 18), ("user-events", 2, 17), ("others", 3, 17)] {
            assert_ne!(EventId::of_correction(other.0, other.1, other.2), id);
        }
    }

    #[test]
    fn p11_an_ordinal_is_read_back() {
        let id = EventId::Ordinal {
            root: Uuid::from_u128(9),
            ordinal: u64::MAX,
        };
        assert_eq!(id.to_string().parse(), Ok(id));
        for text in [
            "",
            "j:",
            "j:x/1",
            "x:1/1",
            "j:00000000-0000-0000-0000-000000000009/-1",
            "c:%ff/1",
        ] {
            assert_eq!(text.parse::<EventId>(), Err(EventIdFault), "{text}");
        }
    }
}
