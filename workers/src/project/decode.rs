//! Records become events to be counted, or go into quarantine (P19).

use shared::place::PlaceKey;
use shared::ports::{FoldEvent, FoldPosition, LogBatch, LogEntry, QuarantineRecord};
use shared::wire::{RecordFault, UserEventRecord};

/// Bytes of a record that the quarantine keeps.
const QUARANTINE_BYTES_MAX: usize = 4 * 1024;

/// A batch, ready to be folded.
#[derive(Debug, Default)]
pub(super) struct Decoded {
    pub(super) events: Vec<FoldEvent>,
    pub(super) quarantine: Vec<QuarantineRecord>,
    /// Where every partition stands after the batch.
    pub(super) to: Vec<FoldPosition>,
    /// The type of a record that only a newer program can count; what precedes it in its batch is here.
    pub(super) newer: Option<String>,
}

/// Decodes a batch that was read from the positions `from`.
pub(super) fn decode(from: &[FoldPosition], batch: LogBatch) -> Decoded {
    let mut decoded = Decoded {
        to: from.to_vec(),
        ..Decoded::default()
    };
    for entry in &batch.entries {
        match UserEventRecord::from_entry(entry) {
            Ok(record) => decoded.events.push(event(entry, record)),
            Err(RecordFault::Newer { type_name }) => {
                // Nothing behind it is folded: it must not be passed over.
                decoded.newer = Some(type_name);
                return decoded;
            }
            Err(fault @ (RecordFault::Foreign { .. } | RecordFault::Broken { .. })) => {
                decoded.quarantine.push(quarantined(entry, &fault));
            }
        }
        if let Some(position) = position_of(&mut decoded.to, entry.partition) {
            position.next_offset = entry.offset + 1;
            position.last = Some((
                entry.offset,
                UserEventRecord::id_of(entry).to_owned(),
                entry.timestamp_ms,
            ));
        }
    }
    // P18: the reader also moves over what is no message.
    for moved in batch.positions {
        if let Some(position) = position_of(&mut decoded.to, moved.partition) {
            position.next_offset = position.next_offset.max(moved.next_offset);
        }
    }
    decoded
}

fn position_of(positions: &mut [FoldPosition], partition: i32) -> Option<&mut FoldPosition> {
    positions
        .iter_mut()
        .find(|position| position.partition == partition)
}

fn event(entry: &LogEntry, record: UserEventRecord) -> FoldEvent {
    let place = PlaceKey::of(&record.user.address);
    FoldEvent {
        partition: entry.partition,
        offset: entry.offset,
        id: record.id,
        user: record.user.id,
        time: record.user.datetime,
        place,
        state: record.user.address.state,
        city: record.user.address.city,
    }
}

fn quarantined(entry: &LogEntry, fault: &RecordFault) -> QuarantineRecord {
    let value = entry.value.as_deref().unwrap_or_default();
    QuarantineRecord {
        partition: entry.partition,
        offset: entry.offset,
        reason: fault.to_string(),
        bytes: value[..value.len().min(QUARANTINE_BYTES_MAX)].to_vec(),
    }
}
