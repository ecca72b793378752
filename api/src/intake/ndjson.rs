//! One line of NDJSON.

use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use shared::event::{CleanEvent, Fault, FaultCode};

use super::json::read_event;
use super::records::line_fault;
use super::{members, plain};

/// The event of a line.
///
/// # Errors
/// Its first fault.
pub(super) fn read(line: &str, max_text: usize) -> Result<CleanEvent, Fault> {
    let found = match plain::event(line) {
        Some(usual) => Ok(usual),
        None => members::each(value(line)?),
    };
    read_event(found, max_text, "#").map_err(|faults| {
        let first = faults.into_iter().next();
        first.unwrap_or_else(|| line_fault(FaultCode::BadValue, "the event is not valid"))
    })
}

fn value(line: &str) -> Result<&RawValue, Fault> {
    serde_json::from_str(line).map_err(|error| line_fault(FaultCode::BadJson, not_json(line, &error)))
}

fn not_json(line: &str, error: &serde_json::Error) -> String {
    let mut values = serde_json::Deserializer::from_str(line).into_iter::<IgnoredAny>();
    let holds_many = line.trim_start().starts_with('{')
        && matches!((values.next(), values.next()), (Some(Ok(_)), Some(Ok(_))));
    if holds_many {
        "the line holds more than one JSON value; with curl, send the file by `--data-binary @file`, since `-d` drops line breaks".to_owned()
    } else {
        format!("the line is not JSON: {error}")
    }
}
