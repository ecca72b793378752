//! Step 1: bytes of a request become clean events or faults. Free of HTTP and of the store.

mod blocks;
mod body;
mod chunks;
mod csv;
mod json;
mod mail_to;
mod members;
mod ndjson;
mod plain;
mod records;
mod report;
mod schedule;

pub(crate) use blocks::BlockReader;
pub(crate) use body::invalid;
pub(crate) use chunks::Chunks;
pub(crate) use json::read_events;
pub(crate) use records::Record;
pub(crate) use report::read_report;
pub(crate) use schedule::read_schedule;

#[cfg(test)]
mod tests;

/// How many faults a refusal says.
pub(crate) const MAX_FAULTS: usize = 100;
