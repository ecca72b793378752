//! The JSON of one event becomes a raw event. Any JSON value is taken, so that every fault has its place.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use shared::event::{RawAddress, RawEvent, RawText};

/// An event, or a value that is none.
pub(super) enum EventJson {
    Event(RawEvent),
    /// The value is no JSON object.
    NoObject,
}

struct Text(RawText);
struct Address(RawAddress);

/// What to make of a JSON value that is no object (or no text).
macro_rules! other_values {
    ($absent:expr, $other:expr) => {
        fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
            Ok($absent)
        }
        fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
            Ok($other)
        }
        fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> {
            Ok($other)
        }
        fn visit_u64<E: Error>(self, _: u64) -> Result<Self::Value, E> {
            Ok($other)
        }
        fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> {
            Ok($other)
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
            while items.next_element::<IgnoredAny>()?.is_some() {}
            Ok($other)
        }
    };
}

impl<'de> Deserialize<'de> for EventJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = EventJson;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any JSON value")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<EventJson, A::Error> {
                let mut event = RawEvent::default();
                while let Some(name) = members.next_key::<String>()? {
                    match name.as_str() {
                        "id" => event.id = members.next_value::<Text>()?.0,
                        "address" => event.address = members.next_value::<Address>()?.0,
                        "datetime" => event.datetime = members.next_value::<Text>()?.0,
                        "event_id" => event.event_id = members.next_value::<Text>()?.0,
                        _ => drop(members.next_value::<IgnoredAny>()?),
                    }
                }
                Ok(EventJson::Event(event))
            }

            fn visit_str<E: Error>(self, _: &str) -> Result<EventJson, E> {
                Ok(EventJson::NoObject)
            }

            other_values!(EventJson::NoObject, EventJson::NoObject);
        }
        deserializer.deserialize_any(Members)
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Address;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any JSON value")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Address, A::Error> {
                let [mut city, mut state, mut country, mut post_code] = [const { RawText::Absent }; 4];
                while let Some(name) = members.next_key::<String>()? {
                    match name.as_str() {
                        "city" => city = members.next_value::<Text>()?.0,
                        "state" => state = members.next_value::<Text>()?.0,
                        "country" => country = members.next_value::<Text>()?.0,
                        "postCode" => post_code = members.next_value::<Text>()?.0,
                        _ => drop(members.next_value::<IgnoredAny>()?),
                    }
                }
                Ok(Address(RawAddress::Members {
                    city,
                    state,
                    country,
                    post_code,
                }))
            }

            fn visit_str<E: Error>(self, _: &str) -> Result<Address, E> {
                Ok(Address(RawAddress::WrongType))
            }

            other_values!(Address(RawAddress::Absent), Address(RawAddress::WrongType));
        }
        deserializer.deserialize_any(Members)
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Text;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any JSON value")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Text, E> {
                Ok(Text(RawText::Text(text.to_owned())))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Text, A::Error> {
                while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Text(RawText::WrongType))
            }

            other_values!(Text(RawText::Absent), Text(RawText::WrongType));
        }
        deserializer.deserialize_any(Any)
    }
}
