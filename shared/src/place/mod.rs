//! The domain of places: cleaning of countries, states and cities, and the counting key. No I/O.

mod country;
mod fold;
mod key;
mod us_state;

pub use country::country_code;
pub use fold::fold;
pub use key::PlaceKey;
pub use us_state::{us_state_code, us_territory};
