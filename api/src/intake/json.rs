//! The body `{"events":[…]}` of `POST /submit`, validated whole.

use serde_json::value::RawValue;
use shared::event::{CleanEvent, Fault, FaultCode, RawEvent, RawText, clean};

use super::body::{Faults, bad_json, read_object};
use super::members::{each_element, event, type_name};
use crate::refusal::{Refusal, RefusalCode};

/// The events of a body, all clean.
///
/// # Errors
/// The refusal, with up to a hundred faults.
pub(crate) fn read_events(
    body: &[u8],
    max_events: usize,
    max_text: usize,
) -> Result<Vec<CleanEvent>, Refusal> {
    let mut faults = Faults::default();
    let mut events = None;
    let mut twice = false;
    read_object(body, |name, value| {
        if name == "events" {
            twice |= events.replace(value).is_some();
        } else {
            faults.unknown_member(name);
        }
    })?;
    if twice {
        faults.add("#/events", FaultCode::BadValue, "is given more than once");
    }
    let events = match events {
        Some(value) if type_name(value) != "null" => read_array(value, max_events, max_text, &mut faults)?,
        _ => {
            faults.add("#/events", FaultCode::Required, "this member is required");
            Vec::new()
        }
    };
    faults.refuse_if_any()?;
    Ok(events)
}

fn read_array(
    raw: &RawValue,
    max_events: usize,
    max_text: usize,
    faults: &mut Faults,
) -> Result<Vec<CleanEvent>, Refusal> {
    if type_name(raw) != "an array" {
        let detail = format!("must be an array, not {}", type_name(raw));
        faults.add("#/events", FaultCode::WrongType, detail);
        return Ok(Vec::new());
    }
    let mut events = Vec::new();
    let mut count = 0;
    let read = each_element(raw.get(), |value| {
        if count == max_events {
            count += 1;
            return false;
        }
        let pointer = format!("#/events/{count}");
        count += 1;
        match read_event(event(value), max_text, &pointer) {
            Ok(event) => events.push(event),
            Err(found) => faults.extend(found),
        }
        true
    });
    read.map_err(|error| bad_json(&error))?;
    if count > max_events {
        return Err(Refusal {
            code: RefusalCode::TooLarge,
            detail: format!(
                "a body holds at most {max_events} events; send more in several requests, or as a stream to /import"
            ),
            errors: Vec::new(),
        });
    }
    if count == 0 {
        faults.add("#/events", FaultCode::BadLength, "must hold at least one event");
    }
    Ok(events)
}

/// One event of a body or of a line, as [`super::members`] has found it.
///
/// # Errors
/// All its faults.
pub(super) fn read_event(
    found: Result<RawEvent<'_>, RawText<'_>>,
    max_text: usize,
    pointer: &str,
) -> Result<CleanEvent, Vec<Fault>> {
    let raw = found.map_err(|instead| {
        let (code, detail) = match instead {
            RawText::Bad(why) => (FaultCode::BadJson, why.to_owned()),
            RawText::Other(what) => (FaultCode::WrongType, format!("an event is an object, not {what}")),
            RawText::Absent | RawText::Text(_) => (FaultCode::WrongType, "an event is an object".to_owned()),
        };
        vec![Fault {
            pointer: pointer.to_owned(),
            code,
            detail,
        }]
    })?;
    clean(&raw, max_text, pointer)
}
