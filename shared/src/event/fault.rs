//! What can be wrong with one member of a request or one record of a stream.

/// A fault at one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Like `#/events/17/address/city`.
    pub pointer: String,
    /// The fault's code.
    pub code: FaultCode,
    /// A sentence for a person.
    pub detail: String,
}

/// The codes of contract.md §3 "of a member or line".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultCode {
    /// A required member is absent.
    Required,
    /// A required member holds nothing.
    Blank,
    /// The member is of another JSON type.
    WrongType,
    /// The text has too many code points.
    TooLong,
    /// An id holds a control character.
    ControlCharacter,
    /// No such country.
    UnknownCountry,
    /// No such state of the US.
    UnknownState,
    /// Not a date-time.
    BadDatetime,
    /// A value outside the member's set or range.
    BadValue,
    /// An array or text of a length that is not allowed.
    BadLength,
    /// A member that the request does not have.
    UnknownMember,
    /// No job has this id.
    UnknownJob,
    /// The configuration allows no mail to this address.
    RecipientNotAllowed,
    /// The line is not JSON.
    BadJson,
    /// The bytes are not UTF-8.
    BadUtf8,
    /// The record is not CSV.
    BadCsv,
    /// The record has another number of columns than the header.
    BadColumns,
    /// The line is over the limit.
    LineTooLong,
}

impl FaultCode {
    /// Every code.
    pub const ALL: [Self; 18] = [
        Self::Required,
        Self::Blank,
        Self::WrongType,
        Self::TooLong,
        Self::ControlCharacter,
        Self::UnknownCountry,
        Self::UnknownState,
        Self::BadDatetime,
        Self::BadValue,
        Self::BadLength,
        Self::UnknownMember,
        Self::UnknownJob,
        Self::RecipientNotAllowed,
        Self::BadJson,
        Self::BadUtf8,
        Self::BadCsv,
        Self::BadColumns,
        Self::LineTooLong,
    ];

    /// The code on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::Blank => "blank",
            Self::WrongType => "wrong_type",
            Self::TooLong => "too_long",
            Self::ControlCharacter => "control_character",
            Self::UnknownCountry => "unknown_country",
            Self::UnknownState => "unknown_state",
            Self::BadDatetime => "bad_datetime",
            Self::BadValue => "bad_value",
            Self::BadLength => "bad_length",
            Self::UnknownMember => "unknown_member",
            Self::UnknownJob => "unknown_job",
            Self::RecipientNotAllowed => "recipient_not_allowed",
            Self::BadJson => "bad_json",
            Self::BadUtf8 => "bad_utf8",
            Self::BadCsv => "bad_csv",
            Self::BadColumns => "bad_columns",
            Self::LineTooLong => "line_too_long",
        }
    }
}
