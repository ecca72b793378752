//! A user event as it came in, before it is cleaned; all its faults are found at once.

use super::text::{clean_id, clean_text};
use super::{Address, CleanEvent, CleanUser, Fault, FaultCode};
use crate::place::{country_code, us_state_code, us_territory};
use crate::time::Timestamp;

/// One member as it came in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RawText {
    /// Not there, or `null`.
    #[default]
    Absent,
    /// A text.
    Text(String),
    /// Of another JSON type.
    WrongType,
}

/// An event before cleaning.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RawEvent {
    /// The user's id.
    pub id: RawText,
    /// The address; `Err` where it is of another JSON type than an object.
    pub address: RawAddress,
    /// When.
    pub datetime: RawText,
    /// The client's id of the event.
    pub event_id: RawText,
}

/// An address before cleaning.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RawAddress {
    /// Not there, or `null`.
    #[default]
    Absent,
    /// Of another JSON type than an object.
    WrongType,
    /// Its members.
    Members {
        /// City.
        city: RawText,
        /// State.
        state: RawText,
        /// Country.
        country: RawText,
        /// Post code.
        post_code: RawText,
    },
}

impl RawEvent {
    /// The cleaned event.
    ///
    /// `pointer` is the event's own place, like `#/events/17`; texts longer than `max_text` code points are faults.
    ///
    /// # Errors
    /// Every fault of the event, in the order of its members.
    pub fn clean(&self, pointer: &str, max_text: usize) -> Result<CleanEvent, Vec<Fault>> {
        let mut from = Cleaner {
            pointer,
            max_text,
            faults: Vec::new(),
        };
        let id = from.required("/id", &self.id, clean_id);
        let address = from.address(&self.address);
        let datetime = from.datetime(&self.datetime);
        let event_id = from.optional("/event_id", &self.event_id, clean_id);
        match (id, address, datetime) {
            (Some(id), Some(address), Some(datetime)) if from.faults.is_empty() => Ok(CleanEvent {
                event_id,
                user: CleanUser {
                    id,
                    address,
                    datetime,
                },
            }),
            _ => Err(from.faults),
        }
    }
}

type Clean = fn(&str, usize) -> Result<String, FaultCode>;

struct Cleaner<'a> {
    pointer: &'a str,
    max_text: usize,
    faults: Vec<Fault>,
}

impl Cleaner<'_> {
    fn address(&mut self, raw: &RawAddress) -> Option<Address> {
        let (city, state, country, post_code) = match raw {
            RawAddress::Members {
                city,
                state,
                country,
                post_code,
            } => (city, state, country, post_code),
            RawAddress::Absent => {
                self.fault("/address", FaultCode::Required);
                return None;
            }
            RawAddress::WrongType => {
                self.fault("/address", FaultCode::WrongType);
                return None;
            }
        };
        let city = self.required("/address/city", city, clean_text);
        let state = self.optional("/address/state", state, clean_text);
        let country = self.required("/address/country", country, clean_text);
        let post_code = self.optional("/address/postCode", post_code, clean_text);
        let country = country.and_then(|country| {
            let code = country_code(&country);
            if code.is_none() {
                self.fault("/address/country", FaultCode::UnknownCountry);
            }
            code
        })?;
        let (country, state) = self.place(country, state)?;
        Some(Address {
            city: city?,
            state,
            country,
            post_code,
        })
    }

    /// Country and state: a territory given as a country is a state of the US, whatever else was said.
    fn place(&mut self, country: &str, state: Option<String>) -> Option<(String, Option<String>)> {
        if let Some(territory) = us_territory(country) {
            return Some(("US".to_owned(), Some(territory.to_owned())));
        }
        let state = match state {
            Some(state) if country == "US" => match us_state_code(&state) {
                Some(code) => Some(code.to_owned()),
                None => {
                    self.fault("/address/state", FaultCode::UnknownState);
                    return None;
                }
            },
            other => other,
        };
        Some((country.to_owned(), state))
    }

    fn datetime(&mut self, raw: &RawText) -> Option<Timestamp> {
        let text = self.required("/datetime", raw, clean_text)?;
        let parsed = text.parse().ok();
        if parsed.is_none() {
            self.fault("/datetime", FaultCode::BadDatetime);
        }
        parsed
    }

    fn required(&mut self, member: &str, raw: &RawText, clean: Clean) -> Option<String> {
        match raw {
            RawText::Absent => self.fault(member, FaultCode::Required),
            RawText::WrongType => self.fault(member, FaultCode::WrongType),
            RawText::Text(text) => match clean(text, self.max_text) {
                Ok(clean) => return Some(clean),
                Err(code) => self.fault(member, code),
            },
        }
        None
    }

    /// A blank optional member is absent.
    fn optional(&mut self, member: &str, raw: &RawText, clean: Clean) -> Option<String> {
        match raw {
            RawText::Absent => None,
            RawText::WrongType => {
                self.fault(member, FaultCode::WrongType);
                None
            }
            RawText::Text(text) => match clean(text, self.max_text) {
                Ok(clean) => Some(clean),
                Err(FaultCode::Blank) => None,
                Err(code) => {
                    self.fault(member, code);
                    None
                }
            },
        }
    }

    fn fault(&mut self, member: &str, code: FaultCode) {
        let pointer = format!("{}{member}", self.pointer);
        self.faults.push(Fault {
            pointer,
            code,
            detail: code.sentence(self.max_text),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> RawText {
        RawText::Text(text.to_owned())
    }

    fn event(city: &str, state: &str, country: &str) -> RawEvent {
        RawEvent {
            id: text(" u-1 "),
            address: RawAddress::Members {
                city: text(city),
                state: text(state),
                country: text(country),
                post_code: text(""),
            },
            datetime: text("2019-05-07 19:54:13.563"),
            event_id: RawText::Absent,
        }
    }

    #[test]
    fn untidy_places_become_tidy() {
        for (city, state, country, clean) in [
            ("Harpersferry ", "W. Va.", "U.S.", "Harpersferry, WV, US"),
            ("baltimore", "Md.", "United States", "baltimore, MD, US"),
            ("San Juan", "", "Puerto Rico", "San Juan, PR, US"),
            ("München", " Bayern ", "Germany", "München, Bayern, DE"),
        ] {
            let Address {
                city, state, country, ..
            } = event(city, state, country).clean("#", 50).unwrap().user.address;
            assert_eq!(format!("{city}, {}, {country}", state.unwrap_or_default()), clean);
        }
    }

    #[test]
    fn every_fault_is_found_at_once() {
        let mut bad = event(" ", "Ontario", "US");
        bad.id = RawText::WrongType;
        bad.datetime = text("2019-05-07");
        let faults = bad.clean("#/events/3", 50).unwrap_err();
        let found: Vec<_> = faults
            .iter()
            .map(|f| format!("{} {}", f.pointer, f.code.as_str()))
            .collect();
        assert_eq!(
            found,
            [
                "#/events/3/id wrong_type",
                "#/events/3/address/city blank",
                "#/events/3/address/state unknown_state",
                "#/events/3/datetime bad_datetime",
            ]
        );
    }
}
