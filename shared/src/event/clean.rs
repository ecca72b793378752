//! A user event as it is stored, published and counted, and how it becomes clean (step 1, design §6).

use serde::{Deserialize, Serialize};

use super::text::clean_text;
use super::{Fault, FaultCode, RawAddress, RawEvent, RawText};
use crate::place::{Country, country, us_state};
use crate::time::{Timestamp, TimestampFault};

/// A cleaned event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CleanEvent {
    /// The client's own id of the event (P12).
    pub event_id: Option<String>,
    /// The user.
    pub user: CleanUser,
}

/// A cleaned user: the value of a record of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CleanUser {
    /// The user's id.
    pub id: String,
    /// Where.
    pub address: Address,
    /// When.
    pub datetime: Timestamp,
}

/// A cleaned address.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Address {
    /// The city as the user spelt it.
    pub city: String,
    /// In the US a code, elsewhere free text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// ISO 3166-1 alpha-2.
    pub country: String,
    /// Kept as it came.
    #[serde(rename = "postCode", default, skip_serializing_if = "Option::is_none")]
    pub post_code: Option<String>,
}

/// Cleans an event, or says everything that is wrong with it, in the order of the members.
///
/// `max_text` bounds an id, a city, a state and a post code in code points; `pointer` stands before the
/// member's own, like `#/events/17`.
///
/// # Errors
/// All faults, never none.
pub fn clean(raw: &RawEvent<'_>, max_text: usize, pointer: &str) -> Result<CleanEvent, Vec<Fault>> {
    let mut check = Check {
        max_text,
        pointer,
        faults: Vec::new(),
    };
    let id = check.required("/id", &raw.id, Check::id);
    let address = check.address(&raw.address);
    let datetime = check.required("/datetime", &raw.datetime, Check::datetime);
    let event_id = check.optional("/event_id", &raw.event_id, Check::id);
    match (id, address, datetime) {
        (Some(id), Some(address), Some(datetime)) if check.faults.is_empty() => Ok(CleanEvent {
            event_id,
            user: CleanUser {
                id,
                address,
                datetime,
            },
        }),
        _ => Err(check.faults),
    }
}

/// What was found so far. Each check gives `None` where it has found a fault.
struct Check<'p> {
    max_text: usize,
    pointer: &'p str,
    faults: Vec<Fault>,
}

/// A check of one member's text: `None` when there is nothing in it.
type TextCheck<T> = fn(&str, usize) -> Result<Option<T>, (FaultCode, String)>;

impl Check<'_> {
    fn fault(&mut self, member: &str, code: FaultCode, detail: impl Into<String>) {
        self.faults.push(Fault {
            pointer: format!("{}{member}", self.pointer),
            code,
            detail: detail.into(),
        });
    }

    fn required<T>(&mut self, member: &str, raw: &RawText<'_>, check: TextCheck<T>) -> Option<T> {
        if *raw == RawText::Absent {
            self.fault(member, FaultCode::Required, "this member is required");
            return None;
        }
        let before = self.faults.len();
        let value = self.optional(member, raw, check);
        if value.is_none() && self.faults.len() == before {
            self.fault(member, FaultCode::Blank, "this member must not be blank");
        }
        value
    }

    fn optional<T>(&mut self, member: &str, raw: &RawText<'_>, check: TextCheck<T>) -> Option<T> {
        match raw {
            RawText::Absent => None,
            RawText::Other(what) => {
                self.fault(
                    member,
                    FaultCode::WrongType,
                    format!("must be a string, not {what}"),
                );
                None
            }
            RawText::Bad(why) => {
                self.fault(member, FaultCode::BadValue, *why);
                None
            }
            RawText::Text(text) => check(text, self.max_text).unwrap_or_else(|(code, detail)| {
                self.fault(member, code, detail);
                None
            }),
        }
    }

    fn address(&mut self, raw: &RawAddress<'_>) -> Option<Address> {
        let (city, state, country, post_code) = match raw {
            RawAddress::Members {
                city,
                state,
                country,
                post_code,
            } => (city, state, country, post_code),
            RawAddress::Absent => {
                self.fault("/address", FaultCode::Required, "this member is required");
                return None;
            }
            RawAddress::Other(what) => {
                let detail = format!("must be an object, not {what}");
                self.fault("/address", FaultCode::WrongType, detail);
                return None;
            }
            RawAddress::Bad(why) => {
                self.fault("/address", FaultCode::BadValue, *why);
                return None;
            }
        };
        let city = self.required("/address/city", city, Self::text);
        let state = self.optional("/address/state", state, Self::text);
        let country = self.required("/address/country", country, Self::country);
        let post_code = self.optional("/address/postCode", post_code, Self::text);
        // Whether a state is right depends on the country: without one nothing is said of it.
        let country = country?;
        let state = if country.code == "US" {
            self.us_state(state.as_deref(), country.territory)
        } else {
            state
        };
        Some(Address {
            city: city?,
            state,
            country: country.code.to_owned(),
            post_code,
        })
    }

    /// In a territory given as a country the state may be anything (a municipality, say) but another state of
    /// the US: the territory is the state.
    fn us_state(&mut self, given: Option<&str>, territory: Option<&'static str>) -> Option<String> {
        let code = given.and_then(us_state);
        match (given, code, territory) {
            (Some(_), Some(code), Some(territory)) if code != territory => {
                let detail = format!("the country is {territory}, but the state is {code}");
                self.fault("/address/state", FaultCode::UnknownState, detail);
                None
            }
            (_, _, Some(territory)) => Some(territory.to_owned()),
            (Some(_), None, None) => {
                let detail = "not a state of the US; give its name, like `Ohio`, or its code, like `OH`";
                self.fault("/address/state", FaultCode::UnknownState, detail);
                None
            }
            (_, code, None) => code.map(str::to_owned),
        }
    }

    /// Ids are only trimmed, so that two ids never become one.
    fn id(text: &str, max_text: usize) -> Result<Option<String>, (FaultCode, String)> {
        let text = text.trim();
        if text.chars().any(char::is_control) {
            let detail = "an id must not hold a control character".to_owned();
            return Err((FaultCode::ControlCharacter, detail));
        }
        bounded(text.to_owned(), max_text)
    }

    fn text(text: &str, max_text: usize) -> Result<Option<String>, (FaultCode, String)> {
        bounded(clean_text(text), max_text)
    }

    fn country(text: &str, _: usize) -> Result<Option<Country>, (FaultCode, String)> {
        let text = clean_text(text);
        if text.is_empty() {
            return Ok(None);
        }
        country(&text).map(Some).ok_or_else(|| {
            let detail = "not a country; give its English name or its ISO 3166-1 code, like `US` or `USA`";
            (FaultCode::UnknownCountry, detail.to_owned())
        })
    }

    fn datetime(text: &str, _: usize) -> Result<Option<Timestamp>, (FaultCode, String)> {
        let text = clean_text(text);
        if text.is_empty() {
            return Ok(None);
        }
        text.parse()
            .map(Some)
            .map_err(|fault: TimestampFault| (FaultCode::BadDatetime, fault.to_string()))
    }
}

fn bounded(text: String, max_text: usize) -> Result<Option<String>, (FaultCode, String)> {
    // Only a text with enough bytes can have too many code points.
    if text.len() > max_text && text.chars().count() > max_text {
        let detail = format!("at most {max_text} code points");
        return Err((FaultCode::TooLong, detail));
    }
    Ok(Some(text).filter(|text| !text.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw<'a>(
        id: &'a str,
        [city, state, country, post_code]: [&'a str; 4],
        datetime: &'a str,
    ) -> RawEvent<'a> {
        let text = |text| RawText::of(Some(text));
        RawEvent {
            id: text(id),
            address: RawAddress::Members {
                city: text(city),
                state: text(state),
                country: text(country),
                post_code: text(post_code),
            },
            datetime: text(datetime),
            event_id: RawText::Absent,
        }
    }

    const WHEN: &str = "2019-05-07 19:54:13.563";

    #[test]
    fn a_datetime_is_cleaned_as_any_text_before_it_is_read() {
        for when in [
            " 2019-05-07 19:54:13.563Z ",
            "2019-05-07 \u{a0} 19:54:13.563",
            "2019-05-07\t19:54:13.563",
            "2019-05-07T19:54:13.563\u{200b}Z",
        ] {
            let raw = raw("ann", ["Austin", "TX", "US", ""], when);
            let clean = clean(&raw, 200, "#").unwrap();
            assert_eq!(clean.user.datetime, WHEN.parse().unwrap(), "{when:?}");
        }
    }

    #[test]
    fn the_event_of_the_first_readme_becomes_clean() {
        let raw = raw(" 0905f97a ", ["Chagrin  Falls ", "Ohio", "U.S.", "44023"], WHEN);
        let clean = clean(&raw, 200, "#").unwrap();
        assert_eq!(
            serde_json::to_string(&clean.user).unwrap(),
            r#"{"id":"0905f97a","address":{"city":"Chagrin Falls","state":"OH","country":"US","postCode":"44023"},"datetime":"2019-05-07T19:54:13.563Z"}"#
        );
        assert_eq!(clean.event_id, None);
    }

    #[test]
    fn states_and_territories_are_settled_by_the_country() {
        for (state, country, settled) in [
            ("Mi", "US", Ok(Some("MI"))),
            (" ", "US", Ok(None)),
            ("", "Puerto Rico", Ok(Some("PR"))),
            ("P.R.", "PR", Ok(Some("PR"))),
            ("Bayamón", "PR", Ok(Some("PR"))),
            ("Ohio", "PR", Err(FaultCode::UnknownState)),
            ("Ontario", "US", Err(FaultCode::UnknownState)),
            ("Bavaria", "Germany", Ok(Some("Bavaria"))),
        ] {
            let raw = raw("u", ["x", state, country, ""], WHEN);
            let got = clean(&raw, 200, "#");
            let got = got
                .map(|event| event.user.address.state)
                .map_err(|faults| faults[0].code);
            assert_eq!(
                got,
                settled.map(|state| state.map(str::to_owned)),
                "{state} in {country}"
            );
        }
    }

    #[test]
    fn all_faults_are_said_at_once() {
        let long = "ü".repeat(6);
        let raw = RawEvent {
            id: RawText::Text("a\u{7}b".into()),
            address: RawAddress::Members {
                city: RawText::Text("\u{200b} ".into()),
                state: RawText::Other("a number"),
                country: RawText::Text("Atlantis".into()),
                post_code: RawText::Text(long.into()),
            },
            datetime: RawText::Absent,
            event_id: RawText::Bad("no"),
        };
        let faults = clean(&raw, 5, "#/events/17").unwrap_err();
        let faults: Vec<_> = faults
            .iter()
            .map(|f| (f.pointer.as_str(), f.code.as_str()))
            .collect();
        assert_eq!(
            faults,
            [
                ("#/events/17/id", "control_character"),
                ("#/events/17/address/city", "blank"),
                ("#/events/17/address/state", "wrong_type"),
                ("#/events/17/address/country", "unknown_country"),
                ("#/events/17/address/postCode", "too_long"),
                ("#/events/17/datetime", "required"),
                ("#/events/17/event_id", "bad_value"),
            ]
        );
    }

    #[test]
    fn an_absent_address_is_one_fault_and_a_full_length_text_is_none() {
        let faults = clean(&RawEvent::default(), 5, "#").unwrap_err();
        let pointers: Vec<_> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
        assert_eq!(pointers, ["#/id", "#/address", "#/datetime"]);
        assert!(clean(&raw("üüüüü", ["ü\u{200b}üüüü", "", "DE", ""], WHEN), 5, "#").is_ok());
    }
}
