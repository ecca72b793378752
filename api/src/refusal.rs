//! Why a request is refused, in terms of the contract's codes and free of HTTP: only `http/` knows statuses.

use shared::event::Fault;

/// A refused request. Nothing was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// One of the contract's codes.
    pub code: RefusalCode,
    /// A sentence that says what to do.
    pub detail: String,
    /// All faults that were found, at most 100.
    pub errors: Vec<Fault>,
}

impl Refusal {
    /// A request that was parsed and holds these faults.
    #[must_use]
    pub fn invalid(errors: Vec<Fault>) -> Self {
        let detail = match &errors[..] {
            [one] => format!("`{}` {}.", one.pointer, one.detail),
            several => format!("{} members are invalid; `errors` lists them.", several.len()),
        };
        Self {
            code: RefusalCode::Invalid,
            detail,
            errors,
        }
    }

    /// A refusal that has nothing to do with one member.
    #[must_use]
    pub fn of(code: RefusalCode, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            errors: Vec::new(),
        }
    }
}

/// The codes of contract.md §3 that a request's own content can bring about, each with its page under `/problems/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RefusalCode {
    /// The body is not JSON.
    BadJson,
    /// A parameter of path or query cannot be read.
    BadParameter,
    /// The body broke off or stalled.
    IncompleteBody,
    /// The body, or the number of its events, is over the limit.
    TooLarge,
    /// Members are invalid; `errors` says which.
    Invalid,
    /// The CSV header misses a column or has one twice.
    BadCsvHeader,
    /// There is no record at all.
    Empty,
    /// No record is valid.
    AllRejected,
    /// The store has no time or no room; trying later helps.
    Overloaded,
    /// The commit failed at the disk (P3).
    StoreOutcomeUnknown,
    /// A fault of Census itself.
    Internal,
}
