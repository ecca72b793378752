//! The one place where the client's errors become the port's.

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use crate::ports::LogError;

/// The cluster did not do what was asked.
pub(super) fn away(operation: &'static str, error: KafkaError) -> LogError {
    LogError::Away {
        operation,
        source: Some(Box::new(error)),
    }
}

/// The thread or the client behind the answer has gone.
pub(super) fn gone(operation: &'static str) -> LogError {
    LogError::Away {
        operation,
        source: None,
    }
}

/// A record was not acknowledged. Only what the record itself is to blame for is final; rights, a missing topic
/// and a lost cluster can be mended while the record is tried again.
pub(super) fn of_record(error: KafkaError) -> LogError {
    match error.rdkafka_error_code() {
        Some(
            Code::MessageSizeTooLarge
            | Code::InvalidMessage
            | Code::InvalidMessageSize
            | Code::InvalidTimestamp
            | Code::InvalidRecord
            | Code::PolicyViolation,
        ) => LogError::Refused {
            source: Box::new(error),
        },
        Some(_) | None => away("publish", error),
    }
}

/// A partition has no leader yet, or a new one: the next answer may be better.
pub(super) fn is_election(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            Code::NotLeaderForPartition
                | Code::LeaderNotAvailable
                | Code::FencedLeaderEpoch
                | Code::UnknownLeaderEpoch
                | Code::OffsetNotAvailable
        )
    )
}

/// What an error of the consumer means to a reader.
pub(super) enum Reading {
    /// The log does not hold a position (P17).
    OutOfRange,
    /// The client mends it by itself, and the health speaks of it.
    Passing,
    /// The reader must be told.
    Broken,
}

/// Classifies an error of the consumer that is not the end of a partition.
pub(super) fn of_reading(error: &KafkaError) -> Reading {
    match error.rdkafka_error_code() {
        Some(Code::AutoOffsetReset | Code::OffsetOutOfRange) => Reading::OutOfRange,
        Some(
            Code::AllBrokersDown
            | Code::BrokerTransportFailure
            | Code::Resolve
            | Code::OperationTimedOut
            | Code::RequestTimedOut
            | Code::NotLeaderForPartition
            | Code::LeaderNotAvailable
            | Code::FencedLeaderEpoch
            | Code::UnknownLeaderEpoch
            | Code::OffsetNotAvailable
            | Code::CoordinatorNotAvailable
            | Code::CoordinatorLoadInProgress
            | Code::NotCoordinator,
        ) => Reading::Passing,
        Some(_) | None => Reading::Broken,
    }
}
