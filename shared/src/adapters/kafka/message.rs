//! A record of the port as a message of the client, and back.

use bytes::Bytes;
use rdkafka::Message;
use rdkafka::message::{BorrowedMessage, Header, Headers, OwnedHeaders};

use crate::ports::{LogEntry, LogHeaders, LogRecord};

/// The headers of a record.
pub(super) fn headers(record: &LogRecord) -> OwnedHeaders {
    let empty = OwnedHeaders::new_with_capacity(record.headers.len());
    record.headers.iter().fold(empty, |headers, (key, value)| {
        headers.insert(Header {
            key,
            value: Some(value.as_ref()),
        })
    })
}

/// The message as the port shows it. It is copied, and holds nothing of the client.
pub(super) fn entry(message: &BorrowedMessage<'_>) -> LogEntry {
    let headers = message.headers().map_or_else(LogHeaders::default, |headers| {
        headers
            .iter()
            .filter_map(|header| Some((header.key, std::str::from_utf8(header.value?).ok()?)))
            .collect()
    });
    LogEntry {
        partition: message.partition(),
        offset: message.offset(),
        timestamp_ms: message.timestamp().to_millis().unwrap_or_default(),
        key: message.key().map(Bytes::copy_from_slice),
        headers,
        value: message.payload().map(Bytes::copy_from_slice),
    }
}
