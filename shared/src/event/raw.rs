//! An event as it came in, before cleaning: what each member holds, whatever its type.

use std::borrow::Cow;

/// An event before cleaning.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RawEvent<'a> {
    /// The user's id.
    pub id: RawText<'a>,
    /// Where.
    pub address: RawAddress<'a>,
    /// When.
    pub datetime: RawText<'a>,
    /// The client's own id of the event.
    pub event_id: RawText<'a>,
}

/// A member that should be a text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RawText<'a> {
    /// It is not there, or `null`.
    #[default]
    Absent,
    /// A text.
    Text(Cow<'a, str>),
    /// A value of this other type, like `a number`.
    Other(&'static str),
    /// It cannot be taken at all; the sentence says why.
    Bad(&'static str),
}

impl<'a> RawText<'a> {
    /// A text that may be absent.
    #[must_use]
    pub fn of(text: Option<&'a str>) -> Self {
        text.map_or(Self::Absent, |text| Self::Text(Cow::Borrowed(text)))
    }
}

/// The address before cleaning.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RawAddress<'a> {
    /// It is not there, or `null`.
    #[default]
    Absent,
    /// Its members.
    Members {
        /// The city.
        city: RawText<'a>,
        /// The state.
        state: RawText<'a>,
        /// The country.
        country: RawText<'a>,
        /// The post code.
        post_code: RawText<'a>,
    },
    /// A value of this other type, like `a number`.
    Other(&'static str),
    /// It cannot be taken at all; the sentence says why.
    Bad(&'static str),
}
