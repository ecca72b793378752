//! Placeholder
use serde::{Deserialize, Serialize};
/// ms
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Timestamp(i64);
impl Timestamp {
    /// x
    pub const fn from_millis(ms: i64) -> Self { Self(ms) }
    /// x
    pub const fn as_millis(self) -> i64 { self.0 }
}
