//! The body of `POST /submit`. Reading and cleaning it is `submit`'s; here is its shape for the specification.

use poem_openapi::Object;

/// User events to publish. One bad event refuses the whole request.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none, rename = "SubmitRequest")]
pub struct SubmitBody {
    /// The events, at least one.
    #[oai(validator(min_items = 1))]
    pub events: Vec<UserEvent>,
}

/// One user at one place at one time. Members that are not listed are ignored.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct UserEvent {
    /// The user's id.
    pub id: String,
    /// The event's own id: an event that comes twice with the same user and `event_id` is counted once.
    pub event_id: Option<String>,
    /// Where.
    pub address: EventAddress,
    /// When: RFC 3339, or with a space for the `T`, or without a zone, which then is UTC.
    pub datetime: String,
}

/// A postal address.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct EventAddress {
    /// The city, in any spelling.
    pub city: String,
    /// In the US a state's code or name, elsewhere free text; may be absent or blank.
    pub state: Option<String>,
    /// A country's code or name.
    pub country: String,
    /// Kept as it comes; may be absent or blank.
    #[oai(rename = "postCode")]
    pub post_code: Option<String>,
}
