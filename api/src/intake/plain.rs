//! The usual event, read in one pass: the members that an event has come once each, its address as an object and all
//! others as texts or `null`. What is anything else is left to [`super::members`], which looks at each member on its own.

use std::fmt;
use std::mem;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use shared::event::{RawAddress, RawEvent, RawText};

use super::members::Text;

/// The event that `json` is, where it is a usual one: as [`super::members::event`] would read it.
pub(super) fn event(json: &str) -> Option<RawEvent<'_>> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let event = deserializer.deserialize_map(Event).ok()?;
    deserializer.end().ok()?;
    Some(event)
}

struct Event;

impl<'de> Visitor<'de> for Event {
    type Value = RawEvent<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut event = RawEvent::default();
        let mut seen = [false; 4];
        while let Some(Text(name)) = map.next_key()? {
            match &*name {
                "id" => event.id = text(&mut map, &mut seen[0])?,
                "datetime" => event.datetime = text(&mut map, &mut seen[1])?,
                "event_id" => event.event_id = text(&mut map, &mut seen[2])?,
                "address" => {
                    once(&mut seen[3])?;
                    event.address = map.next_value_seed(Address)?;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(event)
    }
}

struct Address;

impl<'de> DeserializeSeed<'de> for Address {
    type Value = RawAddress<'de>;

    /// As a map: a struct could be an array as well.
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Address {
    type Value = RawAddress<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an address")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let [mut city, mut state, mut country, mut post_code] = <[RawText<'_>; 4]>::default();
        let mut seen = [false; 4];
        while let Some(Text(name)) = map.next_key()? {
            match &*name {
                "city" => city = text(&mut map, &mut seen[0])?,
                "state" => state = text(&mut map, &mut seen[1])?,
                "country" => country = text(&mut map, &mut seen[2])?,
                "postCode" => post_code = text(&mut map, &mut seen[3])?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(RawAddress::Members {
            city,
            state,
            country,
            post_code,
        })
    }
}

fn text<'de, A: MapAccess<'de>>(map: &mut A, seen: &mut bool) -> Result<RawText<'de>, A::Error> {
    once(seen)?;
    let text: Option<Text<'de>> = map.next_value()?;
    Ok(text.map_or(RawText::Absent, |Text(text)| RawText::Text(text)))
}

fn once<E: Error>(seen: &mut bool) -> Result<(), E> {
    if mem::replace(seen, true) {
        return Err(E::custom("a member comes twice"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;
    use serde_json::value::RawValue;

    use super::super::members;
    use super::*;

    const USUAL: &str = r#"{"id":"u\n1","address":{"city":"Köln","state":null,"country":"DE","postCode":"5","x":[{}]},"datetime":"2019","event_id":"e","more":{"a":[1e999,"\ud800"]}}"#;

    #[test]
    fn a_usual_event_is_read() {
        let raw: &RawValue = serde_json::from_str(USUAL).unwrap();
        let event = event(USUAL).unwrap();
        assert_eq!(event.id, RawText::Text("u\n1".into()));
        assert_eq!(Ok(event), members::each(raw));
    }

    #[test]
    fn what_is_read_in_one_pass_is_read_the_same_member_by_member() {
        const PARTS: [&str; 22] = [
            "\"id\"",
            "\"address\"",
            "\"city\"",
            "\"datetime\"",
            "\"event_id\"",
            ":",
            ",",
            "{",
            "}",
            "[",
            "]",
            "null",
            "1",
            "true",
            "\"\\ud800\"",
            "\"x\"",
            " ",
            "\"\"",
            "\"i\\u0064\":",
            "{\"city\":\"x\"}",
            "\u{7f}",
            "-",
        ];
        let mut random = ChaCha8Rng::seed_from_u64(7);
        let mut usual = 0;
        for _ in 0..200_000 {
            let mut json = USUAL.to_owned();
            for _ in 0..random.random_range(1..4) {
                let from = json.floor_char_boundary(random.random_range(0..json.len()));
                let to = json.floor_char_boundary((from + random.random_range(0..12)).min(json.len()));
                let part = PARTS[random.random_range(0..PARTS.len())];
                json.replace_range(from..to, part);
            }
            if let Some(event) = event(&json) {
                usual += 1;
                let raw: &RawValue = serde_json::from_str(&json).unwrap();
                assert_eq!(Ok(event), members::each(raw), "{json}");
            }
        }
        assert!(usual > 1_000, "{usual}");
    }
}
