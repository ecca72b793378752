//! The body of `POST /submit`. Reading and cleaning it is `submit`'s; here is its shape for the specification.

use poem_openapi::Object;
use poem_openapi::types::Example;

/// User events to publish. One bad event refuses the whole request.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none, rename = "SubmitRequest", example)]
pub struct SubmitBody {
    /// The events, at least one.
    #[oai(validator(min_items = 1))]
    pub events: Vec<UserEvent>,
}

impl Example for SubmitBody {
    fn example() -> Self {
        let address = EventAddress {
            city: "Chagrin Falls".to_owned(),
            state: Some("Ohio".to_owned()),
            country: "USA".to_owned(),
            post_code: Some("44022".to_owned()),
        };
        Self {
            events: vec![UserEvent {
                id: "3d0a7e1c".to_owned(),
                event_id: None,
                address,
                datetime: "2026-11-23T10:00:00Z".to_owned(),
            }],
        }
    }
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
