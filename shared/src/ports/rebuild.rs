//! A rebuild of the counts beside the ones that are read (P20).

use async_trait::async_trait;

use super::{FoldBatch, FoldOutcome, ProjectionError};

/// Counts the log anew into tables of the next generation, which take the place of the others in one transaction.
#[async_trait]
pub trait ProjectionRebuild: Send + Sync {
    /// Makes the tables of the next generation, empty. What an earlier rebuild has left is dropped; one that still
    /// runs is fenced.
    ///
    /// # Errors
    /// Any fault of the projection's store.
    async fn begin_rebuild(&self) -> Result<RebuildTicket, ProjectionError>;

    /// Folds a batch into the next generation. With `flip` the same transaction makes it the present one, flushed,
    /// where no partition would step back; a partition of `flip` may, since the log does not hold any more what was
    /// counted of it. A flip ends the stop of the projector: what is counted now is what the log holds.
    ///
    /// # Errors
    /// [`ProjectionError::Fenced`] when another rebuild has begun, or the positions are not `batch.from`: then
    /// nothing was changed.
    async fn fold_next(
        &self,
        ticket: RebuildTicket,
        batch: FoldBatch,
        flip: Option<Vec<i32>>,
    ) -> Result<NextFold, ProjectionError>;

    /// Drops what the rebuild has made. One that another has followed is left alone.
    ///
    /// # Errors
    /// Any fault of the projection's store.
    async fn abandon_rebuild(&self, ticket: RebuildTicket) -> Result<(), ProjectionError>;
}

/// The right to fold into the next generation; the last one taken holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RebuildTicket(pub i64);

/// What a fold into the next generation did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NextFold {
    /// As of any fold.
    pub outcome: FoldOutcome,
    /// Whether the generation is the present one now.
    pub flipped: bool,
}
