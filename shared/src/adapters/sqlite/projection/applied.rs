//! De-duplication: which events of a batch were not applied before (P15).
//!
//! Nothing is kept in memory between batches: what a rolled-back batch had noted is gone with it.

use std::collections::{BTreeMap, HashMap};

use rusqlite::Connection;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::Fault;
use crate::event::EventId;
use crate::ports::FoldEvent;

/// Sixteen bytes that stand for a text.
pub(super) type Hash = [u8; 16];

/// Keeps the events that are new, in their order, and notes them as applied.
pub(super) fn keep_new(connection: &Connection, events: Vec<FoldEvent>) -> Result<Vec<FoldEvent>, Fault> {
    let mut ranges = load_ranges(connection, &events)?;
    let mut note_client_id =
        connection.prepare_cached("INSERT INTO applied_client_ids VALUES (?1) ON CONFLICT DO NOTHING")?;
    let mut new = Vec::with_capacity(events.len());
    for event in events {
        let is_new = match &event.id {
            EventId::Ordinal { root, ordinal } => ranges
                .get_mut(root)
                .is_some_and(|ranges| ranges.add(ordinal.cast_signed())),
            EventId::Client { user, event } => note_client_id.execute([client_id_hash(user, event)])? == 1,
        };
        if is_new {
            new.push(event);
        }
    }
    for (root, ranges) in &ranges {
        ranges.store(connection, *root)?;
    }
    Ok(new)
}

/// The hash of a user's id.
pub(super) fn user_hash(user: &str) -> Hash {
    short(&Sha256::digest(user.as_bytes()))
}

/// Length first, so that no user and id run into one another.
fn client_id_hash(user: &str, event: &str) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update((user.len() as u64).to_be_bytes());
    hasher.update(user.as_bytes());
    hasher.update(event.as_bytes());
    short(&hasher.finalize())
}

fn short(digest: &[u8]) -> Hash {
    let mut hash = [0; 16];
    hash.copy_from_slice(&digest[..16]);
    hash
}

/// The ranges of each root that a batch can touch.
fn load_ranges(connection: &Connection, events: &[FoldEvent]) -> Result<HashMap<Uuid, Ranges>, Fault> {
    let mut spans: HashMap<Uuid, (i64, i64)> = HashMap::new();
    for event in events {
        if let EventId::Ordinal { root, ordinal } = &event.id {
            let ordinal = ordinal.cast_signed();
            let span = spans.entry(*root).or_insert((ordinal, ordinal));
            *span = (span.0.min(ordinal), span.1.max(ordinal));
        }
    }
    let mut select = connection.prepare_cached(
        "SELECT first, above FROM applied_ranges WHERE root = ?1 AND first <= ?2 ORDER BY first DESC",
    )?;
    let mut loaded = HashMap::with_capacity(spans.len());
    for (root, (lowest, highest)) in spans {
        let mut ranges = Ranges::default();
        let mut rows = select.query((root.as_bytes(), highest.saturating_add(1)))?;
        while let Some(row) = rows.next()? {
            let (first, above): (i64, i64) = (row.get(0)?, row.get(1)?);
            // They do not overlap: all that follow end lower still.
            if above < lowest {
                break;
            }
            ranges.known.push(first);
            ranges.now.insert(first, above);
        }
        loaded.insert(root, ranges);
    }
    Ok(loaded)
}

/// Ranges of applied ordinals of one root; neighbours are merged.
#[derive(Default)]
struct Ranges {
    known: Vec<i64>,
    now: BTreeMap<i64, i64>,
}

impl Ranges {
    /// Notes an ordinal; false when it was noted before.
    fn add(&mut self, ordinal: i64) -> bool {
        let before = self
            .now
            .range(..=ordinal)
            .next_back()
            .map(|(first, above)| (*first, *above));
        let first = match before {
            Some((_, above)) if above > ordinal => return false,
            Some((first, above)) if above == ordinal => first,
            Some(_) | None => ordinal,
        };
        let above = self.now.remove(&(ordinal + 1)).unwrap_or(ordinal + 1);
        self.now.insert(first, above);
        true
    }

    fn store(&self, connection: &Connection, root: Uuid) -> Result<(), Fault> {
        let mut delete =
            connection.prepare_cached("DELETE FROM applied_ranges WHERE root = ?1 AND first = ?2")?;
        for first in self.known.iter().filter(|first| !self.now.contains_key(first)) {
            delete.execute((root.as_bytes(), first))?;
        }
        let mut put = connection.prepare_cached(
            "INSERT INTO applied_ranges VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET above = excluded.above WHERE above <> excluded.above",
        )?;
        for (first, above) in &self.now {
            put.execute((root.as_bytes(), first, above))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinals_in_any_order_become_one_range() {
        let mut ranges = Ranges::default();
        for ordinal in [5, 1, 3, 2, 0, 4] {
            assert!(ranges.add(ordinal));
        }
        for ordinal in 0..=5 {
            assert!(!ranges.add(ordinal));
        }
        assert_eq!(ranges.now, BTreeMap::from([(0, 6)]));
        assert!(ranges.add(8));
        assert_eq!(ranges.now, BTreeMap::from([(0, 6), (8, 9)]));
    }
}
