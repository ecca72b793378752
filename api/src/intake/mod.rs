//! Intake: bytes of a request become cleaned events or faults; parsing is validation. Part of step 1.

mod csv;
mod event_json;
mod json;
mod lines;
mod ndjson;
mod records;
mod report;
mod spool;

pub(crate) use json::events_body;
pub(crate) use records::{Record, Records};
pub(crate) use report::report_body;
pub(crate) use spool::{Spool, Spooled};

/// Faults that a problem lists at most.
pub(crate) const FAULTS_MAX: usize = 100;
