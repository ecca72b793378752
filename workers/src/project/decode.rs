//! Records become events to be counted, or go into quarantine (P19).

use std::collections::HashMap;
use std::mem;
use std::sync::Arc;

use shared::event::Address;
use shared::ports::{FoldBatch, FoldEvent, FoldPosition, LogBatch, LogEntry, QuarantineRecord, SpeltPlace};
use shared::wire::{RecordFault, UserEventRecord};

/// Bytes of a record that the quarantine keeps.
const QUARANTINE_BYTES_MAX: usize = 4 * 1024;

/// Places that are remembered.
const KNOWN_PLACES_MAX: usize = 10_000;
/// Bytes of a place that is remembered, which are held three times; hardly any is longer.
const KNOWN_PLACE_BYTES_MAX: usize = 128;

/// Makes one batch of what is read.
#[derive(Debug)]
pub(super) struct Decoder {
    batch: FoldBatch,
    places: KnownPlaces,
}

impl Decoder {
    /// An empty batch from these positions.
    pub(super) fn new(from: Vec<FoldPosition>) -> Self {
        Self {
            batch: FoldBatch {
                to: from.clone(),
                from,
                ..FoldBatch::default()
            },
            places: KnownPlaces::default(),
        }
    }

    /// The batch; the next one begins where it ends.
    pub(super) fn take(&mut self) -> FoldBatch {
        let next = FoldBatch {
            from: self.batch.to.clone(),
            to: self.batch.to.clone(),
            // A batch as large as the last one then grows without being copied.
            events: Vec::with_capacity(self.batch.events.len()),
            quarantine: Vec::new(),
        };
        mem::replace(&mut self.batch, next)
    }

    /// Whether there is anything to be folded.
    pub(super) fn has_moved(&self) -> bool {
        self.batch.to != self.batch.from
    }

    pub(super) const fn records(&self) -> usize {
        self.batch.events.len() + self.batch.quarantine.len()
    }

    /// Adds what was read. The error is the type of a record that only a newer program can count: what precedes it
    /// was added, and nothing behind it, because it must not be passed over.
    pub(super) fn add(&mut self, read: LogBatch) -> Result<(), String> {
        let before = self.records();
        let newer = read.entries.iter().try_for_each(|entry| self.add_entry(entry));
        let added = &read.entries[..self.records() - before];
        for of_partition in added.chunk_by(|one, next| one.partition == next.partition) {
            if let Some(last) = of_partition.last() {
                self.move_behind(last);
            }
        }
        newer?;
        // P18: the reader also moves over what is no message.
        for moved in read.positions {
            if let Some(position) = position_of(&mut self.batch.to, moved.partition) {
                position.next_offset = position.next_offset.max(moved.next_offset);
            }
        }
        Ok(())
    }

    fn add_entry(&mut self, entry: &LogEntry) -> Result<(), String> {
        match UserEventRecord::from_entry(entry) {
            Ok(mut record) => {
                let place = self.places.of(&mut record.user.address);
                self.batch.events.push(event(entry, record, place));
            }
            Err(RecordFault::Newer { type_name }) => return Err(type_name),
            Err(fault @ (RecordFault::Foreign { .. } | RecordFault::Broken { .. })) => {
                self.batch.quarantine.push(quarantined(entry, &fault));
            }
        }
        Ok(())
    }

    fn move_behind(&mut self, last: &LogEntry) {
        if let Some(position) = position_of(&mut self.batch.to, last.partition) {
            let id = UserEventRecord::id_of(last).to_owned();
            position.next_offset = last.offset + 1;
            position.last = Some((last.offset, id, last.timestamp_ms));
        }
    }
}

/// Places that were decoded before: there are far fewer of them than events.
#[derive(Debug, Default)]
struct KnownPlaces(HashMap<Address, Arc<SpeltPlace>>);

impl KnownPlaces {
    /// The place of an address; the post code is no part of it.
    fn of(&mut self, address: &mut Address) -> Arc<SpeltPlace> {
        address.post_code = None;
        if let Some(known) = self.0.get(address) {
            return Arc::clone(known);
        }
        let place = Arc::new(SpeltPlace::from(&*address));
        let state = address.state.as_ref().map_or(0, String::len);
        if address.country.len() + state + address.city.len() <= KNOWN_PLACE_BYTES_MAX {
            if self.0.len() >= KNOWN_PLACES_MAX {
                self.0.clear();
            }
            self.0.insert(address.clone(), Arc::clone(&place));
        }
        place
    }
}

fn position_of(positions: &mut [FoldPosition], partition: i32) -> Option<&mut FoldPosition> {
    positions
        .iter_mut()
        .find(|position| position.partition == partition)
}

fn event(entry: &LogEntry, record: UserEventRecord, place: Arc<SpeltPlace>) -> FoldEvent {
    FoldEvent {
        partition: entry.partition,
        offset: entry.offset,
        id: record.id,
        user: record.user.id,
        time: record.user.datetime,
        place,
        replaces: record.replaces,
    }
}

fn quarantined(entry: &LogEntry, fault: &RecordFault) -> QuarantineRecord {
    let value = entry.value.as_deref().unwrap_or_default();
    QuarantineRecord {
        partition: entry.partition,
        offset: entry.offset,
        reason: fault.to_string(),
        event_id: UserEventRecord::id_of(entry).to_owned(),
        size_bytes: value.len() as u64,
        bytes: value[..value.len().min(QUARANTINE_BYTES_MAX)].to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use shared::event::EventId;
    use shared::ports::PartitionEnd;

    use super::*;

    fn entry(partition: i32, offset: i64, type_name: &str) -> LogEntry {
        let user =
            r#"{"id":"u","address":{"city":"Köln","country":"DE"},"datetime":"2020-01-01T00:00:00.000Z"}"#;
        LogEntry {
            partition,
            offset,
            timestamp_ms: 7,
            key: None,
            headers: [("ce_type", type_name), ("ce_id", "c:u/e")].into_iter().collect(),
            value: Some(user.into()),
        }
    }

    fn position(partition: i32, next_offset: i64) -> FoldPosition {
        FoldPosition {
            partition,
            next_offset,
            last: None,
        }
    }

    fn ends(batch: &FoldBatch) -> Vec<i64> {
        batch.to.iter().map(|position| position.next_offset).collect()
    }

    #[test]
    fn events_share_a_place_that_they_spell_alike_and_no_more_than_some_are_remembered() {
        let address = |city: &str, post_code: &str| Address {
            city: city.to_owned(),
            state: None,
            country: "DE".to_owned(),
            post_code: Some(post_code.to_owned()),
        };
        let mut places = KnownPlaces::default();
        let cologne = places.of(&mut address("Köln", "50667"));
        assert!(Arc::ptr_eq(&cologne, &places.of(&mut address("Köln", "50668"))));
        let shouted = places.of(&mut address("KÖLN", "50667"));
        assert_eq!((&shouted.key, shouted.city.as_str()), (&cologne.key, "KÖLN"));
        let long = "x".repeat(KNOWN_PLACE_BYTES_MAX);
        assert_eq!(places.of(&mut address(&long, "1")).city, long);
        assert_eq!(places.0.len(), 2);
        for n in 0..2 * KNOWN_PLACES_MAX {
            places.of(&mut address(&n.to_string(), "1"));
        }
        assert!(places.0.len() <= KNOWN_PLACES_MAX);
        assert_eq!(places.of(&mut address("Köln", "1")), cologne);
    }

    #[test]
    fn p18_the_position_moves_over_what_is_no_message() {
        let moved = |partition, next_offset| PartitionEnd {
            partition,
            next_offset,
        };
        let batch = LogBatch {
            entries: vec![entry(0, 4, "census.user-event.v1")],
            positions: vec![moved(0, 6), moved(1, 9)],
        };
        let mut decoder = Decoder::new(vec![position(0, 4), position(1, 8), position(2, 1)]);
        decoder.add(batch).unwrap();
        let decoded = decoder.take();
        assert_eq!(ends(&decoded), [6, 9, 1]);
        assert_eq!(decoded.to[0].last, Some((4, "c:u/e".to_owned(), 7)));
        assert_eq!(decoded.to[1].last, None);
        let ids: Vec<&EventId> = decoded.events.iter().map(|event| &event.id).collect();
        assert_eq!(ids, [&"c:u/e".parse().unwrap()]);
    }

    #[test]
    fn p19_nothing_behind_a_newer_record_is_passed_over() {
        let batch = LogBatch {
            entries: vec![
                entry(0, 0, "orders.placed"),
                entry(0, 1, "census.user-event.v2"),
                entry(0, 2, "census.user-event.v1"),
            ],
            positions: vec![PartitionEnd {
                partition: 0,
                next_offset: 3,
            }],
        };
        let mut decoder = Decoder::new(vec![position(0, 0)]);
        assert_eq!(decoder.add(batch), Err("census.user-event.v2".to_owned()));
        let decoded = decoder.take();
        assert_eq!((decoded.events.len(), decoded.quarantine.len()), (0, 1));
        assert_eq!(ends(&decoded), [1]);
    }

    #[test]
    fn p19_the_quarantine_keeps_the_beginning_of_a_long_record() {
        let mut long = entry(0, 0, "census.user-event.v1");
        long.value = Some(vec![b'x'; 3 * QUARANTINE_BYTES_MAX].into());
        let batch = LogBatch {
            entries: vec![long],
            positions: Vec::new(),
        };
        let mut decoder = Decoder::new(vec![position(0, 0)]);
        decoder.add(batch).unwrap();
        let decoded = decoder.take();
        assert_eq!(decoded.quarantine[0].bytes.len(), QUARANTINE_BYTES_MAX);
        assert_eq!(decoded.quarantine[0].size_bytes, 3 * QUARANTINE_BYTES_MAX as u64);
        assert_eq!(ends(&decoded), [1]);
    }
}
