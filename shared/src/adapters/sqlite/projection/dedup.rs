//! Each event id is counted once (P15): ordinals of a root job as ranges, clients' ids as hashes.
//!
//! Nothing is kept in memory from one batch to the next, so a rollback leaves nothing to undo.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::generation::Tables;
use crate::event::EventId;
use crate::mutant::{self, Mutant};
use crate::ports::FoldEvent;

/// The events that were not counted before, each once: of equal ids the first of the batch. They count as counted now.
pub(super) fn take_new<'a>(
    file: &Connection,
    t: Tables,
    events: &'a [FoldEvent],
) -> rusqlite::Result<Vec<&'a FoldEvent>> {
    if mutant::on(Mutant::DropDeduplication) {
        return Ok(events.iter().collect());
    }
    let mut ordinals: BTreeMap<Uuid, Vec<(i64, usize)>> = BTreeMap::new();
    let mut hashes = Vec::new();
    for (place, event) in events.iter().enumerate() {
        if mutant::met_before(Mutant::KeepMemoryOverRollback, &event.id) {
            continue;
        }
        match &event.id {
            EventId::Ordinal { root, ordinal } => match i64::try_from(*ordinal) {
                // The end of the range must be a number too.
                Ok(ordinal) if ordinal < i64::MAX => {
                    ordinals.entry(*root).or_default().push((ordinal, place));
                }
                _ => hashes.push((hash("ordinal", root.as_bytes(), &ordinal.to_be_bytes()), place)),
            },
            EventId::Client { user, event } => {
                hashes.push((hash("client", user.as_bytes(), event.as_bytes()), place));
            }
        }
    }
    let mut new = Vec::with_capacity(events.len());
    for (root, mut ordinals) in ordinals {
        ordinals.sort_unstable();
        ordinals.dedup_by_key(|(ordinal, _)| *ordinal);
        take_ordinals(file, t, root, &ordinals, &mut new)?;
    }
    // Sorted keys touch each page once.
    hashes.sort_unstable();
    let mut keep = file.prepare_cached(&format!("INSERT OR IGNORE INTO {t}counted_ids (id) VALUES (?1)"))?;
    for (hash, place) in hashes {
        if keep.execute([hash])? == 1 {
            new.push(place);
        }
    }
    new.sort_unstable();
    Ok(new.into_iter().map(|place| &events[place]).collect())
}

/// Sixteen bytes of SHA-256 over a name space and two texts that are told apart.
pub(super) fn hash(space: &str, owner: &[u8], name: &[u8]) -> [u8; 16] {
    let digest = Sha256::new()
        .chain_update(space)
        .chain_update([0])
        .chain_update((owner.len() as u64).to_be_bytes())
        .chain_update(owner)
        .chain_update(name)
        .finalize();
    let mut hash = [0; 16];
    hash.copy_from_slice(&digest[..16]);
    hash
}

/// A range `[lo, hi)` of ordinals.
type Range = (i64, i64);

/// Adds the places of the new ones of `ordinals`, which rise, to `new`, and the ordinals to the root's ranges.
fn take_ordinals(
    file: &Connection,
    t: Tables,
    root: Uuid,
    ordinals: &[(i64, usize)],
    new: &mut Vec<usize>,
) -> rusqlite::Result<()> {
    let (Some((first, _)), Some((last, _))) = (ordinals.first(), ordinals.last()) else {
        return Ok(());
    };
    let stored = ranges(file, t, root, *first, *last)?;
    let mut fresh = Vec::new();
    for (ordinal, place) in ordinals {
        let before = stored.partition_point(|(lo, _)| lo <= ordinal);
        let counted = before > 0 && stored[before - 1].1 > *ordinal;
        if !counted {
            new.push(*place);
            fresh.push((*ordinal, *ordinal + 1));
        }
    }
    let merged = merge(&stored, fresh);
    let mut drop_range = file.prepare_cached(&format!(
        "DELETE FROM {t}counted_ranges WHERE root = ?1 AND lo = ?2"
    ))?;
    for range in &stored {
        if merged.binary_search(range).is_err() {
            drop_range.execute(params![root.as_bytes(), range.0])?;
        }
    }
    let mut keep = file.prepare_cached(&format!(
        "INSERT INTO {t}counted_ranges (root, lo, hi) VALUES (?1, ?2, ?3)"
    ))?;
    for range in &merged {
        if stored.binary_search(range).is_err() {
            keep.execute(params![root.as_bytes(), range.0, range.1])?;
        }
    }
    Ok(())
}

/// The root's ranges that hold or touch anything from `first` to `last`, in order.
fn ranges(file: &Connection, t: Tables, root: Uuid, first: i64, last: i64) -> rusqlite::Result<Vec<Range>> {
    // Ranges are apart, so only the nearest one that begins before `first` can reach it.
    file.prepare_cached(&format!(
        "SELECT lo, hi FROM {t}counted_ranges
         WHERE root = ?1 AND lo <= ?3 + 1 AND lo >= coalesce(
           (SELECT max(lo) FROM {t}counted_ranges WHERE root = ?1 AND lo < ?2), ?2)
         ORDER BY lo"
    ))?
    .query_map(params![root.as_bytes(), first, last], |row| {
        Ok((row.get(0)?, row.get(1)?))
    })?
    .collect()
}

/// Both together, with neighbours joined.
fn merge(stored: &[Range], fresh: Vec<Range>) -> Vec<Range> {
    let mut all = fresh;
    all.extend_from_slice(stored);
    all.sort_unstable();
    let mut merged: Vec<Range> = Vec::with_capacity(stored.len() + 1);
    for (lo, hi) in all {
        match merged.last_mut() {
            Some(before) if before.1 >= lo => before.1 = before.1.max(hi),
            _ => merged.push((lo, hi)),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> Connection {
        let file = Connection::open_in_memory().unwrap();
        file.execute_batch(include_str!("schema.sql")).unwrap();
        file
    }

    fn take(file: &Connection, root: u128, ordinals: &[i64]) -> usize {
        let mut ordinals: Vec<_> = ordinals.iter().copied().zip(0..).collect();
        ordinals.sort_unstable();
        let mut new = Vec::new();
        take_ordinals(file, Tables::Present, Uuid::from_u128(root), &ordinals, &mut new).unwrap();
        new.len()
    }

    fn stored(file: &Connection, root: u128) -> Vec<Range> {
        ranges(file, Tables::Present, Uuid::from_u128(root), 0, i64::MAX - 1).unwrap()
    }

    #[test]
    fn p15_a_whole_job_is_one_row_in_whatever_order_it_came() {
        let file = file();
        assert_eq!(take(&file, 1, &[4, 6, 8]), 3);
        assert_eq!(stored(&file, 1), [(4, 5), (6, 7), (8, 9)]);
        assert_eq!(take(&file, 1, &[0, 5, 6]), 2);
        assert_eq!(stored(&file, 1), [(0, 1), (4, 7), (8, 9)]);
        assert_eq!(take(&file, 1, &[1, 2, 3, 4, 7, 8, 9]), 5);
        assert_eq!(stored(&file, 1), [(0, 10)]);
        assert_eq!(take(&file, 1, &[5]), 0);
        assert_eq!(take(&file, 2, &[5]), 1);
        assert_eq!(stored(&file, 2), [(5, 6)]);
    }

    #[test]
    fn p15_owners_names_and_spaces_are_told_apart() {
        let all = [
            hash("client", b"ab", b"c"),
            hash("client", b"a", b"bc"),
            hash("user", b"ab", b"c"),
            hash("client", b"abc", b""),
        ];
        for (place, one) in all.iter().enumerate() {
            assert!(!all[..place].contains(one));
        }
    }
}
