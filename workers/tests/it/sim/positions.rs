//! Watches the projection commit by commit: positions only move forward (P16).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use shared::ports::PartitionEnd;

use super::history::History;

pub(super) struct Positions {
    history: Arc<History>,
    seen: Mutex<BTreeMap<i32, i64>>,
}

impl Positions {
    pub(super) fn new(history: Arc<History>) -> Self {
        Self {
            history,
            seen: Mutex::default(),
        }
    }

    pub(super) fn see(&self, connection: &Connection) {
        let now = read(connection).expect("the positions can be read");
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        for (partition, before) in &*seen {
            let position = now.get(partition).copied().unwrap_or(0);
            if position < *before {
                self.history.violate("P16", || {
                    format!("partition {partition} went back from {before} to {position}")
                });
            }
        }
        *seen = now;
    }

    /// After a power failure older positions may stand there again.
    pub(super) fn restart(&self, connection: &Connection) {
        let now = read(connection).expect("the positions can be read");
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }

    /// Whether everything before these ends is folded.
    pub(super) fn are_at(&self, ends: &[PartitionEnd]) -> bool {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        ends.iter()
            .all(|end| seen.get(&end.partition).copied().unwrap_or(0) == end.next_offset)
    }
}

fn read(connection: &Connection) -> rusqlite::Result<BTreeMap<i32, i64>> {
    connection
        .prepare_cached("SELECT partition, next_offset FROM positions")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}
