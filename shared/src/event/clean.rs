//! A user event as it is stored, published and counted.

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
