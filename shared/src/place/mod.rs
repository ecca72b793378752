//! Placeholder
/// x
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PlaceKey { /// x
 pub country: String, /// x
 pub state: Option<String>, /// x
 pub city: String }
