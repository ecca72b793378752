//! The records that could not be counted, for the operator who looks at them and corrects them (P19).

use async_trait::async_trait;

use super::{ProjectionError, QuarantineRecord, RecordPlace};

/// Read access to the quarantine. What leaves it does so by a record of the log that replaces it, never here.
#[async_trait]
pub trait Quarantine: Send + Sync {
    /// Up to `limit` records behind `after`, by partition and offset.
    ///
    /// # Errors
    /// Any fault of the projection's store.
    async fn quarantined(
        &self,
        after: Option<RecordPlace>,
        limit: usize,
    ) -> Result<Vec<QuarantinedRecord>, ProjectionError>;

    /// The record at this place, where it is in quarantine.
    ///
    /// # Errors
    /// Any fault of the projection's store.
    async fn quarantined_at(&self, place: RecordPlace) -> Result<Option<QuarantinedRecord>, ProjectionError>;
}

/// A record in quarantine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuarantinedRecord {
    /// As it was put aside.
    pub record: QuarantineRecord,
    /// Whether a later record that corrects it was read.
    pub corrected: bool,
}
