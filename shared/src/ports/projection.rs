//! The projection: each event id applied once, counts and offsets in one transaction (P15, P16).

use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::{PartitionEnd, RecordPlace};
use crate::event::{Address, EventId};
use crate::job::{GroupBy, Report, WorkerId};
use crate::place::PlaceKey;
use crate::time::Timestamp;

/// Counts by place, with the offsets that they include.
#[async_trait]
pub trait Projection: Send + Sync {
    /// Takes or renews the projector's lease for `ttl`; `None` when another process holds it (P16).
    ///
    /// # Errors
    /// Any fault of the projection's store.
    async fn hold_projector(
        &self,
        worker: &WorkerId,
        ttl: Duration,
    ) -> Result<Option<ProjectorLease>, ProjectionError>;

    /// The position of each partition, with what is known of the last record read.
    ///
    /// # Errors
    /// Any fault of the projection's store.
    async fn positions(&self) -> Result<Vec<FoldPosition>, ProjectionError>;

    /// Applies a batch in one transaction: de-duplicates, keeps the event rows, bumps the counters, puts
    /// the quarantine aside, and moves the positions.
    ///
    /// # Errors
    /// [`ProjectionError::Fenced`] when the stored positions are not `batch.from`, or the lease is not ours or of an
    /// earlier generation: another projector or a rebuild was here; nothing was changed.
    async fn fold(&self, lease: &ProjectorLease, batch: FoldBatch) -> Result<FoldOutcome, ProjectionError>;

    /// Reads a report in one snapshot.
    ///
    /// # Errors
    /// Any fault of the projection's store.
    async fn report(&self, query: ReportQuery) -> Result<Report, ProjectionError>;

    /// Gives the lease back, so that another process need not wait for its end.
    ///
    /// # Errors
    /// Any fault of the projection's store.
    async fn release_projector(&self, lease: ProjectorLease) -> Result<(), ProjectionError>;

    /// Who projects now, if anybody does, for `/readyz`.
    ///
    /// # Errors
    /// Any fault of the projection's store.
    async fn projector(&self) -> Result<Option<WorkerId>, ProjectionError>;
}

/// The right to fold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProjectorLease {
    /// Who holds it.
    pub worker: WorkerId,
    /// Rises with each holder.
    pub token: i64,
    /// The generation of tables that it folds into; a rebuild makes the next one (P20).
    pub generation: i64,
}

/// How far one partition is folded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoldPosition {
    /// The partition.
    pub partition: i32,
    /// The first offset that is not folded.
    pub next_offset: i64,
    /// The last record that was read: its offset, its event id (or empty) and the log's own time of it (P17).
    pub last: Option<(i64, String, i64)>,
}

impl From<&FoldPosition> for PartitionEnd {
    fn from(position: &FoldPosition) -> Self {
        Self {
            partition: position.partition,
            next_offset: position.next_offset,
        }
    }
}

/// A batch to be folded, with the positions that it moves.
#[derive(Clone, Debug, Default)]
pub struct FoldBatch {
    /// Where the batch was read from.
    pub from: Vec<FoldPosition>,
    /// Where every partition stands after it.
    pub to: Vec<FoldPosition>,
    /// What is to be counted.
    pub events: Vec<FoldEvent>,
    /// What could not be counted.
    pub quarantine: Vec<QuarantineRecord>,
}

/// An event to be counted.
#[derive(Clone, Debug)]
pub struct FoldEvent {
    /// Where it stands in the log.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// Its identity, by which it is counted once.
    pub id: EventId,
    /// The user's id.
    pub user: String,
    /// When it happened.
    pub time: Timestamp,
    /// Where. Events of a batch that spell a place alike share one: who folds works once for all of them.
    pub place: Arc<SpeltPlace>,
    /// The record in quarantine that this one corrects (P19).
    pub replaces: Option<RecordPlace>,
}

/// A place as events spell it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpeltPlace {
    /// The key under which it is counted.
    pub key: PlaceKey,
    /// The state as it is spelt.
    pub state: Option<String>,
    /// The city as it is spelt.
    pub city: String,
}

impl From<&Address> for SpeltPlace {
    fn from(address: &Address) -> Self {
        Self {
            key: PlaceKey::of(address),
            state: address.state.clone(),
            city: address.city.clone(),
        }
    }
}

/// A record that is not ours or is broken (P19).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuarantineRecord {
    /// The partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
    /// Why it could not be counted.
    pub reason: String,
    /// Its event id as it stands there, or empty.
    pub event_id: String,
    /// Bytes of the whole value.
    pub size_bytes: u64,
    /// The value, at most 4 KiB of it.
    pub bytes: Vec<u8>,
}

/// What a fold did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FoldOutcome {
    /// Events that were new and are counted now.
    pub applied: u64,
    /// Events that had been counted before.
    pub duplicates: u64,
}

/// What a report shows.
#[derive(Clone, Debug)]
pub struct ReportQuery {
    /// What one row stands for.
    pub group_by: GroupBy,
    /// Events at this time and later.
    pub from: Option<Timestamp>,
    /// Events before this time.
    pub to: Option<Timestamp>,
    /// The topic's name, for `as_of`.
    pub topic: String,
    /// The time to put on the report.
    pub generated_at: Timestamp,
}

/// A fault of the projection.
#[derive(Debug, thiserror::Error)]
pub enum ProjectionError {
    /// Another projector or another rebuild was here: stand by and reload.
    #[error("the projection was moved on by another process")]
    Fenced,
    /// Any other fault; nothing was changed.
    #[error("the projection failed in {operation}")]
    Failed {
        /// The operation.
        operation: &'static str,
        /// What the store said.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
}
