//! The domain of places: cleaning of countries, states and cities, and the counting key. No I/O.

mod key;

pub use key::PlaceKey;
