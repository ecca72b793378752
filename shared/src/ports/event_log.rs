//! The event log: records in partitions, each with a rising offset. It records, and decides nothing.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::str::FromStr;

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Health, LogHeaders};

/// The log of events, written by step 5 and read by step 6.
#[async_trait]
pub trait EventLog: Health {
    /// The topic's name.
    fn topic(&self) -> &str;

    /// Makes the topic where it is missing, checks its settings (P17), and returns its number of partitions.
    ///
    /// # Errors
    /// [`LogError::Away`] until the server answers; [`LogError::Unfit`] when the topic would lose records.
    async fn prepare(&self) -> Result<u32, LogError>;

    /// Hands over all records and waits until each is acknowledged by the log or has failed. The answers are
    /// in the order of the records. A full buffer is back-pressure, not an error.
    async fn publish(&self, records: Vec<LogRecord>) -> Vec<Result<Delivery, LogError>>;

    /// The end (the next offset to be written) of every partition, asked for in one request (P21).
    ///
    /// # Errors
    /// [`LogError::Away`] when the server does not answer.
    async fn ends(&self) -> Result<Vec<PartitionEnd>, LogError>;

    /// A reader that starts at these offsets, every partition named.
    ///
    /// # Errors
    /// [`LogError::Away`] when the server does not answer.
    async fn read(&self, from: Vec<PartitionEnd>) -> Result<Box<dyn LogReader>, LogError>;

    /// The records at these offsets; `None` where the log holds none there. For checks at start (P17).
    ///
    /// # Errors
    /// [`LogError::Away`] when the server does not answer.
    async fn record_at(&self, partition: i32, offset: i64) -> Result<Option<LogEntry>, LogError>;
}

/// A position-keeping reader of all partitions.
#[async_trait]
pub trait LogReader: Send {
    /// Waits for records or for a position to move; returns at most `max` records, in offset order within each
    /// partition. A call that is dropped while it waits takes none.
    ///
    /// # Errors
    /// [`LogError::OutOfRange`] when the log does not hold the asked offset, [`LogError::Remade`] when it is no
    /// longer the log that the reader began with.
    async fn next(&mut self, max: usize) -> Result<LogBatch, LogError>;

    /// Tells the log how far its records are folded, only so that its tools show the lag. Never waits.
    fn show_progress(&mut self, positions: &[PartitionEnd]);
}

/// A record to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogRecord {
    /// The user's id: all events of a user stand in one partition.
    pub key: Bytes,
    /// Names and values of the headers.
    pub headers: Vec<(&'static str, Cow<'static, str>)>,
    /// The cleaned user as JSON.
    pub value: Bytes,
}

/// An acknowledgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Where the record stands.
    pub partition: i32,
    /// Absent when a retry followed a lost acknowledgement (P21).
    pub offset: Option<i64>,
}

/// A partition and an offset in it: the next one to be written, or to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PartitionEnd {
    /// The partition.
    pub partition: i32,
    /// The offset.
    pub next_offset: i64,
}

/// Where a record stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordPlace {
    /// The partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
}

/// Like `3/1200`: partition, then offset.
impl fmt::Display for RecordPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.partition, self.offset)
    }
}

/// A text that names no place in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a place in the log, like 3/1200: partition, then offset")]
pub struct RecordPlaceFault;

impl FromStr for RecordPlace {
    type Err = RecordPlaceFault;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (partition, offset) = text.split_once('/').ok_or(RecordPlaceFault)?;
        let place = Self {
            partition: partition.parse().map_err(|_| RecordPlaceFault)?,
            offset: offset.parse().map_err(|_| RecordPlaceFault)?,
        };
        let held = place.partition >= 0 && place.offset >= 0;
        held.then_some(place).ok_or(RecordPlaceFault)
    }
}

/// A record's identity at its place, for telling one log from another (P17).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordMark {
    /// The partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
    /// The event's id.
    pub event_id: String,
}

/// What a reader returned.
#[derive(Clone, Debug, Default)]
pub struct LogBatch {
    /// The records.
    pub entries: Vec<LogEntry>,
    /// Where the reader stands now in each partition that moved: over records that are not messages too (P18).
    pub positions: Vec<PartitionEnd>,
}

/// A record as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// The partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
    /// The log's own time of the record, in milliseconds.
    pub timestamp_ms: i64,
    /// The key.
    pub key: Option<Bytes>,
    /// Names and values of the headers; a value that is not UTF-8 is left out.
    pub headers: LogHeaders,
    /// The value.
    pub value: Option<Bytes>,
}

/// A fault of the log.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The server does not answer, or not in time. Trying again may help.
    #[error("the event log is away: {operation}")]
    Away {
        /// What was tried.
        operation: &'static str,
        /// What the client said.
        #[source]
        source: Option<Box<dyn StdError + Send + Sync>>,
    },
    /// The topic's settings would lose records (P17). Trying again cannot help; an operator must mend it.
    #[error("the topic {topic} is unfit: {reason}")]
    Unfit {
        /// The topic.
        topic: String,
        /// Which setting, and how to mend it.
        reason: String,
    },
    /// The log does not hold this offset: it is not the log that was read before (P17).
    #[error("partition {partition} of the log does not hold offset {offset}")]
    OutOfRange {
        /// The partition.
        partition: i32,
        /// The offset.
        offset: i64,
    },
    /// The topic was deleted and made anew under a reader (P17). The next reader has to compare first.
    #[error("the topic {topic} was made anew")]
    Remade {
        /// The topic.
        topic: String,
    },
    /// The log refuses the record itself. Trying again cannot help.
    #[error("the event log refused the record")]
    Refused {
        /// What it said.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
}
