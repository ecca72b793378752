//! Placeholder
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use crate::time::Timestamp;
/// x
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum EventId {
    /// x
    Ordinal { #[doc = "x"] root: Uuid, #[doc = "x"] ordinal: u64 },
    /// x
    Client { #[doc = "x"] user: String, #[doc = "x"] event: String },
}
impl std::fmt::Display for EventId { fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { match self { Self::Ordinal{root,ordinal} => write!(f,"j:{root}/{ordinal}"), Self::Client{user,event} => write!(f,"c:{user}/{event}") } } }
impl std::str::FromStr for EventId { type Err = String; fn from_str(s: &str) -> Result<Self, String> { Err(s.into()) } }
/// x
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address { /// x
 pub city: String, /// x
 #[serde(default, skip_serializing_if = "Option::is_none")]
 pub state: Option<String>, /// x
 pub country: String, /// x
 #[serde(rename="postCode", default, skip_serializing_if = "Option::is_none")]
 pub post_code: Option<String> }
/// x
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CleanUser { /// x
 pub id: String, /// x
 pub address: Address, /// x
 pub datetime: Timestamp }
/// x
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CleanEvent { /// x
 pub event_id: Option<String>, /// x
 pub user: CleanUser }
/// x
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultCode { /// x
 Required }
