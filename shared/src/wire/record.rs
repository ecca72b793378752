//! A user event as a record of the log: CloudEvents 1.0 in binary mode.

use std::borrow::Cow;

use bytes::Bytes;

use super::TraceContext;
use super::stored_event::{StoredEvent, StoredEventFault};
use crate::event::{CleanUser, EventId};
use crate::job::JobId;
use crate::ports::{LogEntry, LogRecord, RecordPlace};

const TYPE_FAMILY: &str = "census.user-event.v";
const TYPE: &str = "census.user-event.v1";
const SOURCE: &str = "/census";
const SPEC_VERSION: &str = "1.0";
const ID: &str = "ce_id";
const CONTENT_TYPE: &str = "application/json";
/// An extension attribute: the place of the record that this one corrects, like `3/1200`.
const REPLACES: &str = "ce_replaces";

/// A user event as it was read from the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserEventRecord {
    /// The event's identity.
    pub id: EventId,
    /// The cleaned user.
    pub user: CleanUser,
    /// The record in quarantine that this one corrects (P19).
    pub replaces: Option<RecordPlace>,
}

/// A record that cannot be counted (P19).
#[derive(Debug, thiserror::Error)]
pub enum RecordFault {
    /// It is ours, but of a version that this program does not know: it must not be passed over.
    #[error("the record is of type {type_name}, newer than this program")]
    Newer {
        /// Its type.
        type_name: String,
    },
    /// It is not a record of ours.
    #[error("the record is not a Census event: {reason}")]
    Foreign {
        /// Which header is missing or different.
        reason: &'static str,
    },
    /// It calls itself ours and cannot be read.
    #[error("the record's value is not the JSON of a user")]
    Broken {
        /// What the parser said.
        #[source]
        source: Option<serde_json::Error>,
    },
}

impl UserEventRecord {
    /// The identity and the record of a stored event of `body`, which it shares, of a job with root `root`; `trace` is that of the
    /// job as a header.
    ///
    /// # Errors
    /// [`StoredEventFault`] when the stored event is not one of ours.
    ///
    /// # Panics
    /// When the event was not read from `body`.
    pub fn to_record(
        stored: &StoredEvent<'_>,
        body: &Bytes,
        root: JobId,
        trace: &str,
    ) -> Result<(EventId, LogRecord), StoredEventFault> {
        let head = stored.head(root.0)?;
        let record = LogRecord {
            key: match head.user_id {
                Cow::Borrowed(id) => body.slice_ref(id.as_bytes()),
                Cow::Owned(id) => id.into(),
            },
            headers: headers(head.id.to_string(), head.time.into_owned(), trace.to_owned()),
            value: body.slice_ref(stored.user.get().as_bytes()),
        };
        Ok((head.id, record))
    }

    /// The record of an event that corrects the record at `replaces`, under the identity `id` (P19).
    #[must_use]
    pub fn correction(
        user: &CleanUser,
        id: &EventId,
        replaces: RecordPlace,
        trace: TraceContext,
    ) -> LogRecord {
        let mut headers = headers(id.to_string(), user.datetime.to_string(), trace.to_string());
        headers.push((REPLACES, replaces.to_string().into()));
        LogRecord {
            key: Bytes::copy_from_slice(user.id.as_bytes()),
            headers,
            value: serde_json::to_vec(user).expect("every member is a string").into(),
        }
    }

    /// Reads a record of the log.
    ///
    /// # Errors
    /// [`RecordFault`] says whether it may be put aside.
    pub fn from_entry(entry: &LogEntry) -> Result<Self, RecordFault> {
        let header = |name| entry.headers.get(name);
        let type_name = header("ce_type").ok_or(RecordFault::Foreign { reason: "no ce_type" })?;
        if type_name != TYPE {
            let newer = type_name
                .strip_prefix(TYPE_FAMILY)
                .is_some_and(|version| version.parse::<u32>().is_ok_and(|version| version > 1));
            return Err(if newer {
                RecordFault::Newer {
                    type_name: type_name.to_owned(),
                }
            } else {
                RecordFault::Foreign {
                    reason: "another ce_type",
                }
            });
        }
        let id = header(ID)
            .and_then(|id| id.parse().ok())
            .ok_or(RecordFault::Foreign {
                reason: "no ce_id of ours",
            })?;
        let value = entry
            .value
            .as_deref()
            .ok_or(RecordFault::Broken { source: None })?;
        let user =
            serde_json::from_slice(value).map_err(|source| RecordFault::Broken { source: Some(source) })?;
        let replaces = header(REPLACES).and_then(|place| place.parse().ok());
        Ok(Self { id, user, replaces })
    }

    /// The event's id of a record, as far as it has one: for telling one log from another (P17).
    #[must_use]
    pub fn id_of(entry: &LogEntry) -> &str {
        entry.headers.get(ID).unwrap_or_default()
    }
}

fn headers(id: String, time: String, trace: String) -> Vec<(&'static str, Cow<'static, str>)> {
    vec![
        (ID, id.into()),
        ("ce_type", TYPE.into()),
        ("ce_source", SOURCE.into()),
        ("ce_specversion", SPEC_VERSION.into()),
        ("ce_time", time.into()),
        ("content-type", CONTENT_TYPE.into()),
        ("traceparent", trace.into()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    const STORED: &str = r#"{"n":17,"u":{"id":"u-1","address":{"city":"Chagrin Falls","state":"OH","country":"US","postCode":"44023"},"datetime":"2019-05-07T19:54:13.563Z"}}"#;

    fn golden() -> LogRecord {
        let root = "0199f0c2-0000-7000-8000-000000000001".parse().unwrap();
        let trace = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-00";
        let body = Bytes::from_static(STORED.as_bytes());
        let stored = StoredEvent::lines(&body).next().unwrap().unwrap();
        UserEventRecord::to_record(&stored, &body, root, trace).unwrap().1
    }

    fn entry(record: &LogRecord) -> LogEntry {
        LogEntry {
            partition: 0,
            offset: 0,
            timestamp_ms: 0,
            key: Some(record.key.clone()),
            headers: record.headers.iter().map(|(name, value)| (name, value)).collect(),
            value: Some(record.value.clone()),
        }
    }

    #[test]
    fn the_golden_record() {
        let record = golden();
        let mut text = format!("key: {}\n", String::from_utf8_lossy(&record.key));
        for (name, value) in &record.headers {
            text.push_str(&format!("{name}: {value}\n"));
        }
        text.push_str(&String::from_utf8_lossy(&record.value));
        insta::assert_snapshot!(text);
    }

    #[test]
    fn p19_a_correction_names_the_record_that_it_replaces() {
        let user = UserEventRecord::from_entry(&entry(&golden())).unwrap().user;
        let id = "c:u-1/e".parse().unwrap();
        let place = RecordPlace {
            partition: 3,
            offset: 1200,
        };
        let trace = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-00"
            .parse()
            .unwrap();
        let record = UserEventRecord::correction(&user, &id, place, trace);
        assert_eq!(record.headers.last(), Some(&("ce_replaces", "3/1200".into())));
        let mut common = record.clone();
        common.headers.pop();
        common.headers[0].1 = golden().headers[0].1.clone();
        assert_eq!(common, golden());
        let read = UserEventRecord::from_entry(&entry(&record)).unwrap();
        assert_eq!((read.id, read.user, read.replaces), (id, user, Some(place)));
        let mut unreadable = record;
        unreadable.headers.last_mut().unwrap().1 = "3".into();
        assert_eq!(
            UserEventRecord::from_entry(&entry(&unreadable)).unwrap().replaces,
            None
        );
    }

    #[test]
    fn a_record_is_read_back() {
        let record = UserEventRecord::from_entry(&entry(&golden())).unwrap();
        assert_eq!(record.user.address.city, "Chagrin Falls");
        assert_eq!(record.id.to_string(), "j:0199f0c2-0000-7000-8000-000000000001/17");
    }

    #[test]
    fn p19_a_newer_record_is_told_from_a_foreign_one() {
        let with_type = |type_name: &str| {
            let mut record = golden();
            record.headers[1].1 = type_name.to_owned().into();
            UserEventRecord::from_entry(&entry(&record)).unwrap_err()
        };
        assert!(matches!(
            with_type("census.user-event.v2"),
            RecordFault::Newer { .. }
        ));
        assert!(matches!(with_type("orders.placed"), RecordFault::Foreign { .. }));
    }
}
