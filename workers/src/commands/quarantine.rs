//! `quarantine list`: the records that could not be counted, a line of JSON each (P19).

use serde::Serialize;
use shared::config::Config;
use shared::ports::{Quarantine as _, QuarantinedRecord, RecordPlace};

use super::{CommandFault, print};
use crate::app::Counts;

/// Records that are read at a time.
const PAGE: usize = 500;
/// Characters of a record that are shown.
const SHOWN: usize = 200;

/// Prints them by partition and offset; with `all` also those that were corrected.
pub(super) async fn list(config: &Config, all: bool) -> Result<(), CommandFault> {
    let counts = Counts::open(config)?;
    let mut after = None;
    loop {
        let page = counts.projection.quarantined(after, PAGE).await?;
        let Some(last) = page.last() else {
            return Ok(());
        };
        after = Some(RecordPlace {
            partition: last.record.partition,
            offset: last.record.offset,
        });
        for kept in page.iter().filter(|kept| all || !kept.corrected) {
            print(&Line::of(kept))?;
        }
    }
}

#[derive(Serialize)]
struct Line<'a> {
    partition: i32,
    offset: i64,
    reason: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    event_id: &'a str,
    size_bytes: u64,
    start: String,
    corrected: bool,
}

impl<'a> Line<'a> {
    fn of(kept: &'a QuarantinedRecord) -> Self {
        let record = &kept.record;
        Self {
            partition: record.partition,
            offset: record.offset,
            reason: &record.reason,
            event_id: &record.event_id,
            size_bytes: record.size_bytes,
            start: printable(&record.bytes),
            corrected: kept.corrected,
        }
    }
}

/// The beginning as text: what a terminal would act on, and what is no text, is replaced.
fn printable(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes)
        .chars()
        .take(SHOWN)
        .map(|c| if c.is_control() { '\u{FFFD}' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_of_a_record_is_harmless_at_a_terminal() {
        assert_eq!(printable(b"\x1b[2Ja\n\xffb"), "\u{FFFD}[2Ja\u{FFFD}\u{FFFD}b");
        assert_eq!(printable("é".repeat(500).as_bytes()).chars().count(), SHOWN);
        // A character that the cap has cut in two.
        assert_eq!(printable(&"é".as_bytes()[..1]), "\u{FFFD}");
    }
}
