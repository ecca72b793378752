//! The domain of places: cleaning of countries, states and cities, and the counting key. No I/O.

mod country;
mod fold;
mod key;
mod name_table;
mod us_state;

pub use country::{Country, country};
pub use key::PlaceKey;
pub use us_state::us_state;
