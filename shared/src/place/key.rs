//! The key under which a place is counted, whatever its spelling.

use super::fold::fold;
use crate::event::Address;

/// Country, state and city, folded (design §6): equal keys are one place.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PlaceKey {
    /// ISO 3166-1 alpha-2.
    pub country: String,
    /// A US code as it is, elsewhere folded text; `None` where the event has no state.
    pub state: Option<String>,
    /// Folded.
    pub city: String,
}

impl PlaceKey {
    /// The key of a cleaned address.
    #[must_use]
    pub fn of(address: &Address) -> Self {
        let state = address.state.as_deref();
        Self {
            country: address.country.clone(),
            state: if address.country == "US" {
                state.map(str::to_owned)
            } else {
                state.map(fold)
            },
            city: fold(&address.city),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(city: &str, state: Option<&str>, country: &str) -> PlaceKey {
        PlaceKey::of(&Address {
            city: city.into(),
            state: state.map(Into::into),
            country: country.into(),
            post_code: Some("ignored".into()),
        })
    }

    #[test]
    fn a_place_is_one_whatever_its_spelling_and_two_in_two_states() {
        assert_eq!(
            key("baltimore", Some("MD"), "US"),
            key("BALTIMORE", Some("MD"), "US")
        );
        assert_ne!(
            key("Springfield", Some("IL"), "US"),
            key("Springfield", Some("MA"), "US")
        );
        assert_ne!(
            key("Springfield", None, "US"),
            key("Springfield", Some("MA"), "US")
        );
        assert_eq!(
            key("Montréal", Some("Québec"), "CA"),
            key("montreal", Some("QUEBEC"), "CA")
        );
        assert_eq!(key("x", Some("OH"), "US").state.as_deref(), Some("OH"));
        assert_eq!(key("x", Some("BY"), "DE").state.as_deref(), Some("by"));
    }
}
