//! Why a request is refused, in terms of the contract's codes and free of HTTP: only `http/` knows statuses.

use shared::event::Fault;
use shared::ports::StoreError;

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
    /// A refusal without faults of members.
    #[must_use]
    pub fn new(code: RefusalCode, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            errors: Vec::new(),
        }
    }
}

/// A store that did not take a request. The cause is logged here, since the caller only learns what to do.
impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        let (code, detail) = match &error {
            StoreError::Busy { .. } => (
                RefusalCode::Overloaded,
                "the store has no time or no room at the moment; nothing was stored, try again later",
            ),
            StoreError::OutcomeUnknown { .. } => (
                RefusalCode::StoreOutcomeUnknown,
                "whether the job was stored is unknown; repeat the request with the same Idempotency-Key",
            ),
            StoreError::UploadLapsed => (
                RefusalCode::IncompleteBody,
                "the body came too slowly and what had been received was dropped; send it again",
            ),
            StoreError::Corrupt { .. } | StoreError::Failed { .. } => (
                RefusalCode::Internal,
                "the store failed; nothing was stored, and the log of the service says why",
            ),
        };
        let cause: &(dyn std::error::Error + 'static) = &error;
        match code {
            RefusalCode::Internal | RefusalCode::StoreOutcomeUnknown => {
                tracing::error!(error = cause, code = code.as_str(), "store refused a request");
            }
            _ => tracing::warn!(error = cause, code = code.as_str(), "store refused a request"),
        }
        Self::new(code, detail)
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
    /// The key was used for another request.
    KeyReused,
    /// Another request with the key is being taken in; trying later helps.
    KeyInFlight,
    /// The job of the key was removed.
    Gone,
    /// The store has no time or no room; trying later helps.
    Overloaded,
    /// The commit failed at the disk (P3).
    StoreOutcomeUnknown,
    /// A fault of Census itself.
    Internal,
}

impl RefusalCode {
    /// Every code.
    pub const ALL: [Self; 14] = [
        Self::BadJson,
        Self::BadParameter,
        Self::IncompleteBody,
        Self::TooLarge,
        Self::Invalid,
        Self::BadCsvHeader,
        Self::Empty,
        Self::AllRejected,
        Self::KeyReused,
        Self::KeyInFlight,
        Self::Gone,
        Self::Overloaded,
        Self::StoreOutcomeUnknown,
        Self::Internal,
    ];

    /// The code on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BadJson => "bad_json",
            Self::BadParameter => "bad_parameter",
            Self::IncompleteBody => "incomplete_body",
            Self::TooLarge => "too_large",
            Self::Invalid => "invalid",
            Self::BadCsvHeader => "bad_csv_header",
            Self::Empty => "empty",
            Self::AllRejected => "all_rejected",
            Self::KeyReused => "key_reused",
            Self::KeyInFlight => "key_in_flight",
            Self::Gone => "gone",
            Self::Overloaded => "overloaded",
            Self::StoreOutcomeUnknown => "store_outcome_unknown",
            Self::Internal => "internal",
        }
    }

    /// Whether the same request may do better later.
    #[must_use]
    pub const fn is_retryable(self) -> bool {
        matches!(
            self,
            Self::KeyInFlight | Self::Overloaded | Self::StoreOutcomeUnknown
        )
    }
}
