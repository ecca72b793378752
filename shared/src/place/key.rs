//! The key under which a place is counted, whatever its spelling.

use super::country::US;
use super::fold;
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
            state: state.map(|state| {
                if address.country == US {
                    state.to_owned()
                } else {
                    fold(state)
                }
            }),
            city: fold(&address.city),
        }
    }
}
