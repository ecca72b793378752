//! The key under which a place is counted, whatever its spelling.

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
