//! What the log has acknowledged of one task.

use std::collections::BTreeMap;

use shared::event::EventId;
use shared::job::Receipt;
use shared::ports::{LogDelivery, Published, RecordMark};

/// Acknowledged deliveries, by partition.
pub(super) struct Tally {
    topic: String,
    pub(super) events: u64,
    /// With the offset and the identity of the newest record.
    partitions: BTreeMap<i32, (Receipt, Option<(i64, EventId)>)>,
}

impl Tally {
    pub(super) fn new(topic: &str) -> Self {
        Self {
            topic: topic.to_owned(),
            events: 0,
            partitions: BTreeMap::new(),
        }
    }

    pub(super) fn add(&mut self, delivery: LogDelivery, event_id: &EventId) {
        self.events += 1;
        let LogDelivery { partition, offset } = delivery;
        let (receipt, newest) = self.partitions.entry(partition).or_insert_with(|| {
            let topic = self.topic.clone();
            let none = Receipt {
                topic,
                partition,
                first_offset: None,
                last_offset: None,
                events: 0,
                without_offset: 0,
            };
            (none, None)
        });
        receipt.merge(&Receipt {
            topic: String::new(),
            partition,
            first_offset: offset,
            last_offset: offset,
            events: 1,
            without_offset: u64::from(offset.is_none()),
        });
        if let Some(offset) = offset
            && newest.as_ref().is_none_or(|(newest, _)| *newest < offset)
        {
            *newest = Some((offset, event_id.clone()));
        }
    }

    pub(super) fn into_published(self) -> Published {
        let mut receipts = Vec::with_capacity(self.partitions.len());
        let mut marks = Vec::with_capacity(self.partitions.len());
        for (partition, (receipt, newest)) in self.partitions {
            receipts.push(receipt);
            marks.extend(newest.map(|(offset, id)| RecordMark {
                partition,
                offset,
                event_id: id.to_string(),
            }));
        }
        Published {
            events: self.events,
            receipts,
            marks,
        }
    }
}
