//! The body of `POST /submit`: validated whole, with every fault at its place.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use shared::event::{CleanEvent, Fault, FaultCode};

use super::FAULTS_MAX;
use super::event_json::EventJson;
use crate::refusal::{Refusal, RefusalCode};

/// The events of a body, cleaned; events are read one by one, never as a tree.
///
/// # Errors
/// `bad_json` when it cannot be parsed, `too_large` over `max_events`, `invalid` with all faults.
pub(crate) fn events_body(
    body: &[u8],
    max_events: usize,
    max_text: usize,
) -> Result<Vec<CleanEvent>, Refusal> {
    let mut reading = Reading {
        max_events,
        max_text,
        events: Vec::new(),
        faults: Vec::new(),
        seen: None,
    };
    let mut json = serde_json::Deserializer::from_slice(body);
    Top(&mut reading)
        .deserialize(&mut json)
        .and_then(|()| json.end())
        .map_err(|fault| bad_json(&fault))?;
    let Reading {
        events,
        mut faults,
        seen,
        ..
    } = reading;
    match seen {
        Some(seen) if seen > max_events => Err(Refusal {
            code: RefusalCode::TooLarge,
            detail: format!(
                "The body holds {seen} events, and {max_events} are allowed. Send several requests, or a file \
                 of any length to /import."
            ),
            errors: Vec::new(),
        }),
        Some(_) if faults.is_empty() && !events.is_empty() => Ok(events),
        Some(0) => {
            let detail = "must hold at least one event".to_owned();
            faults.push(Fault {
                pointer: "#/events".to_owned(),
                code: FaultCode::BadLength,
                detail,
            });
            Err(Refusal::invalid(faults))
        }
        Some(_) => Err(Refusal::invalid(faults)),
        None => {
            if !faults
                .iter()
                .any(|fault| fault.pointer == "#/events" || fault.pointer == "#")
            {
                faults.push(fault("#/events", FaultCode::Required));
            }
            Err(Refusal::invalid(faults))
        }
    }
}

pub(super) fn bad_json(fault: &serde_json::Error) -> Refusal {
    Refusal {
        code: RefusalCode::BadJson,
        detail: format!("The body cannot be parsed as JSON: {fault}."),
        errors: Vec::new(),
    }
}

fn fault(pointer: &str, code: FaultCode) -> Fault {
    Fault {
        pointer: pointer.to_owned(),
        code,
        detail: code.sentence(0),
    }
}

/// What has been read so far.
struct Reading {
    max_events: usize,
    max_text: usize,
    events: Vec<CleanEvent>,
    faults: Vec<Fault>,
    /// Elements of `events`; `None` until it was there.
    seen: Option<usize>,
}

impl Reading {
    fn note(&mut self, fault: Fault) {
        if self.faults.len() < FAULTS_MAX {
            self.faults.push(fault);
        }
    }
}

struct Top<'a>(&'a mut Reading);
struct Events<'a>(&'a mut Reading);

impl<'de> DeserializeSeed<'de> for Top<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> DeserializeSeed<'de> for Events<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// Any value but the wanted one is a fault of its type, not of the JSON.
macro_rules! wrong_types {
    ($pointer:literal, $absent:expr) => {
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("any JSON value")
        }
        fn visit_unit<E>(self) -> Result<(), E> {
            self.0.note(fault($pointer, $absent));
            Ok(())
        }
        fn visit_bool<E>(self, _: bool) -> Result<(), E> {
            self.0.note(fault($pointer, FaultCode::WrongType));
            Ok(())
        }
        fn visit_i64<E>(self, _: i64) -> Result<(), E> {
            self.0.note(fault($pointer, FaultCode::WrongType));
            Ok(())
        }
        fn visit_u64<E>(self, _: u64) -> Result<(), E> {
            self.0.note(fault($pointer, FaultCode::WrongType));
            Ok(())
        }
        fn visit_f64<E>(self, _: f64) -> Result<(), E> {
            self.0.note(fault($pointer, FaultCode::WrongType));
            Ok(())
        }
        fn visit_str<E>(self, _: &str) -> Result<(), E> {
            self.0.note(fault($pointer, FaultCode::WrongType));
            Ok(())
        }
    };
}

impl<'de> Visitor<'de> for Top<'_> {
    type Value = ();

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while let Some(name) = members.next_key::<String>()? {
            if name == "events" {
                members.next_value_seed(Events(self.0))?;
            } else {
                members.next_value::<IgnoredAny>()?;
                let pointer = format!("#/{}", name.replace('~', "~0").replace('/', "~1"));
                self.0.note(fault(&pointer, FaultCode::UnknownMember));
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        self.0.note(fault("#", FaultCode::WrongType));
        Ok(())
    }

    wrong_types!("#", FaultCode::WrongType);
}

impl<'de> Visitor<'de> for Events<'_> {
    type Value = ();

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        // Of a member that stands twice the last one counts, as in most parsers.
        self.0.events.clear();
        let mut seen = 0;
        while let Some(item) = next_event(&mut items, seen < self.0.max_events)? {
            let pointer = format!("#/events/{seen}");
            seen += 1;
            match item {
                None => {}
                Some(EventJson::NoObject) => self.0.note(fault(&pointer, FaultCode::WrongType)),
                Some(EventJson::Event(raw)) => match raw.clean(&pointer, self.0.max_text) {
                    Ok(event) => self.0.events.push(event),
                    Err(faults) => faults.into_iter().for_each(|fault| self.0.note(fault)),
                },
            }
        }
        self.0.seen = Some(seen);
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        self.0.note(fault("#/events", FaultCode::WrongType));
        Ok(())
    }

    wrong_types!("#/events", FaultCode::Required);
}

/// The next element; over the limit only counted.
fn next_event<'de, A: SeqAccess<'de>>(
    items: &mut A,
    keep: bool,
) -> Result<Option<Option<EventJson>>, A::Error> {
    if keep {
        Ok(items.next_element::<EventJson>()?.map(Some))
    } else {
        Ok(items.next_element::<IgnoredAny>()?.map(|_| None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"id":"u","address":{"city":"Detroit","state":"MI","country":"US"},"datetime":"2026-11-23T10:00:00Z"}"#;

    fn refused(body: &str) -> (RefusalCode, Vec<String>) {
        let refusal = events_body(body.as_bytes(), 3, 20).unwrap_err();
        let faults = refusal
            .errors
            .iter()
            .map(|f| format!("{} {}", f.pointer, f.code.as_str()))
            .collect();
        (refusal.code, faults)
    }

    #[test]
    fn events_are_read_in_their_order() {
        let events = events_body(format!(r#"{{"events":[{GOOD},{GOOD}]}}"#).as_bytes(), 3, 20).unwrap();
        assert_eq!(events.len(), 2);
    }

    #[test]
    fn every_fault_has_its_place() {
        let body = format!(
            r#"{{"x/y":1,"events":[{GOOD},7,{{"id":null,"address":[],"datetime":{{}},"extra":[1e3]}}]}}"#
        );
        let (code, faults) = refused(&body);
        assert_eq!(code, RefusalCode::Invalid);
        assert_eq!(
            faults,
            [
                "#/x~1y unknown_member",
                "#/events/1 wrong_type",
                "#/events/2/id required",
                "#/events/2/address wrong_type",
                "#/events/2/datetime wrong_type",
            ]
        );
    }

    #[test]
    fn what_is_no_body_of_events_is_told_apart() {
        for body in [
            "",
            "{",
            "{\"events\":[]} x",
            "nul",
            "{\"events\":[{\"id\":\"\\ud800\"}]}",
        ] {
            assert_eq!(refused(body).0, RefusalCode::BadJson, "{body}");
        }
        assert_eq!(refused(&"[".repeat(100_000)).0, RefusalCode::BadJson);
        for (body, fault) in [
            ("[]", "# wrong_type"),
            ("7", "# wrong_type"),
            ("null", "# wrong_type"),
            ("{}", "#/events required"),
            (r#"{"events":null}"#, "#/events required"),
            (r#"{"events":{"a":1}}"#, "#/events wrong_type"),
            (r#"{"events":[]}"#, "#/events bad_length"),
        ] {
            assert_eq!(
                refused(body),
                (RefusalCode::Invalid, vec![fault.to_owned()]),
                "{body}"
            );
        }
        let many = format!(r#"{{"events":[{GOOD},{GOOD},{GOOD},{GOOD}]}}"#);
        assert_eq!(refused(&many).0, RefusalCode::TooLarge);
    }
}
