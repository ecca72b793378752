//! How far a submit has come, and where its events stand in the log.

use serde::{Deserialize, Serialize};

/// Counts of a submit job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Non-blank records of the input, a CSV header not.
    pub received: u64,
    /// Records that were refused.
    pub rejected: u64,
    /// Deliveries that the log has acknowledged. A lower bound for a cancelled or failed job.
    pub published: u64,
}

/// Where the events of a job, or of one task, stand in one partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The lowest acknowledged offset; absent when no acknowledgement carried one.
    pub first_offset: Option<i64>,
    /// The highest acknowledged offset.
    pub last_offset: Option<i64>,
    /// Number of events acknowledged.
    pub events: u64,
    /// Of these, how many acknowledgements carried no offset (P21).
    pub without_offset: u64,
}

impl Receipt {
    /// Adds what `other` says of the same partition.
    pub fn merge(&mut self, other: &Self) {
        self.first_offset = match (self.first_offset, other.first_offset) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        self.last_offset = self.last_offset.max(other.last_offset);
        self.events += other.events;
        self.without_offset += other.without_offset;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn receipts_of_one_partition_merge_to_the_widest_range() {
        let receipt = |first_offset, last_offset, events, without_offset| Receipt {
            topic: "t".into(),
            partition: 1,
            first_offset,
            last_offset,
            events,
            without_offset,
        };
        let mut sum = receipt(None, None, 2, 2);
        sum.merge(&receipt(Some(7), Some(9), 3, 0));
        sum.merge(&receipt(Some(4), Some(5), 2, 0));
        assert_eq!(sum, receipt(Some(4), Some(9), 7, 2));
    }
}
