//! The members of a JSON object, each looked at on its own, so that a wrong type is a fault of one member.

use std::borrow::Cow;
use std::fmt;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::Deserializer as _;
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use shared::event::{RawAddress, RawEvent, RawText};

use super::plain;

/// What a URI fragment cannot hold as it is (RFC 6901 §6).
const FRAGMENT: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

const HALF_PAIR: &str = "holds half of a surrogate pair, which is no character";
const TWICE: &str = "is given more than once";

/// The name of a value's JSON type, by its first byte.
pub(super) fn type_name(raw: &RawValue) -> &'static str {
    match raw.get().as_bytes().first() {
        Some(b'"') => "a string",
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ => "a number",
    }
}

/// A member's own step of a pointer, cut where it is long.
pub(super) fn step(name: &str) -> String {
    let short: String = name.chars().take(100).collect();
    let escaped = short.replace('~', "~0").replace('/', "~1");
    format!("/{}", utf8_percent_encode(&escaped, FRAGMENT))
}

/// Calls `member` for each member of the object that `json` is.
///
/// # Errors
/// Where `json` is not one whole JSON object.
pub(super) fn each_member<'a>(
    json: &'a str,
    member: impl FnMut(Cow<'a, str>, &'a RawValue),
) -> Result<(), serde_json::Error> {
    struct Members<F>(F);
    impl<'de, F: FnMut(Cow<'de, str>, &'de RawValue)> Visitor<'de> for Members<F> {
        type Value = ();
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }
        fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
            while let Some(Text(name)) = map.next_key()? {
                let value = map.next_value()?;
                (self.0)(name, value);
            }
            Ok(())
        }
    }
    let mut deserializer = serde_json::Deserializer::from_str(json);
    deserializer.deserialize_map(Members(member))?;
    deserializer.end()
}

/// Calls `element` for each element of the array that `json` is, until it gives `false`.
///
/// # Errors
/// Where `json` is not one whole JSON array.
pub(super) fn each_element<'a>(
    json: &'a str,
    element: impl FnMut(&'a RawValue) -> bool,
) -> Result<(), serde_json::Error> {
    struct Elements<F>(F);
    impl<'de, F: FnMut(&'de RawValue) -> bool> Visitor<'de> for Elements<F> {
        type Value = ();
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an array")
        }
        fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<(), A::Error> {
            while let Some(value) = seq.next_element()? {
                if !(self.0)(value) {
                    while seq.next_element::<IgnoredAny>()?.is_some() {}
                    break;
                }
            }
            Ok(())
        }
    }
    let mut deserializer = serde_json::Deserializer::from_str(json);
    deserializer.deserialize_seq(Elements(element))?;
    deserializer.end()
}

/// A text; borrowed where it has no escapes.
#[derive(serde::Deserialize)]
#[serde(transparent)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

/// The text of a value, or what it is instead.
pub(super) fn text(raw: &RawValue) -> RawText<'_> {
    match type_name(raw) {
        "null" => RawText::Absent,
        "a string" => match serde_json::from_str(raw.get()) {
            Ok(Text(text)) => RawText::Text(text),
            // The syntax was checked with the whole body; only the characters can still be wrong.
            Err(_) => RawText::Bad(HALF_PAIR),
        },
        other => RawText::Other(other),
    }
}

/// An event, whatever its members hold; `Err` with the type where the value is no object.
pub(super) fn event(raw: &RawValue) -> Result<RawEvent<'_>, RawText<'static>> {
    plain::event(raw.get()).map_or_else(|| each(raw), Ok)
}

/// An event whose members are looked at one by one.
pub(super) fn each(raw: &RawValue) -> Result<RawEvent<'_>, RawText<'static>> {
    if type_name(raw) != "an object" {
        return Err(RawText::Other(type_name(raw)));
    }
    let mut event = RawEvent::default();
    let mut seen = [false; 4];
    let read = each_member(raw.get(), |name, value| match &*name {
        "id" => put(&mut event.id, &mut seen[0], value),
        "datetime" => put(&mut event.datetime, &mut seen[1], value),
        "event_id" => put(&mut event.event_id, &mut seen[2], value),
        "address" => {
            let twice = std::mem::replace(&mut seen[3], true);
            event.address = if twice {
                RawAddress::Bad(TWICE)
            } else {
                address(value)
            };
        }
        _ => {}
    });
    let broken = |text: &RawText<'_>| *text == RawText::Bad(HALF_PAIR);
    let broken_address = match &event.address {
        RawAddress::Members {
            city,
            state,
            country,
            post_code,
        } => [city, state, country, post_code].into_iter().any(broken),
        other => *other == RawAddress::Bad(HALF_PAIR),
    };
    let broken_member = [&event.id, &event.datetime, &event.event_id]
        .into_iter()
        .any(broken);
    if read.is_err() || broken_address || broken_member {
        return Err(RawText::Bad(HALF_PAIR));
    }
    Ok(event)
}

fn address(raw: &RawValue) -> RawAddress<'_> {
    match type_name(raw) {
        "an object" => {}
        "null" => return RawAddress::Absent,
        other => return RawAddress::Other(other),
    }
    let mut members: [RawText<'_>; 4] = Default::default();
    let mut seen = [false; 4];
    let read = each_member(raw.get(), |name, value| {
        let names = ["city", "state", "country", "postCode"];
        if let Some(place) = names.iter().position(|known| *known == name) {
            put(&mut members[place], &mut seen[place], value);
        }
    });
    let [city, state, country, post_code] = members;
    match read {
        Ok(()) => RawAddress::Members {
            city,
            state,
            country,
            post_code,
        },
        Err(_) => RawAddress::Bad(HALF_PAIR),
    }
}

fn put<'a>(member: &mut RawText<'a>, seen: &mut bool, value: &'a RawValue) {
    *member = if std::mem::replace(seen, true) {
        RawText::Bad(TWICE)
    } else {
        text(value)
    };
}
