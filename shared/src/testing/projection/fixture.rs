//! Events, queries and a projector of one hand, for the cases of the suite.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use uuid::Uuid;

use crate::event::EventId;
use crate::job::{GroupBy, Report, ReportRow, WorkerId};
use crate::place::PlaceKey;
use crate::ports::{
    Clock, FoldBatch, FoldEvent, FoldOutcome, FoldPosition, LogStanding, Projection, ProjectionError,
    ProjectionRebuild, ProjectorLease, Quarantine, ReportQuery, SpeltPlace,
};
use crate::time::Timestamp;

/// A projection that begins empty.
#[async_trait]
pub trait ProjectionUnderTest: Send + Sync {
    /// Opens the projection, at each call the same one, as another process would.
    async fn open_all(&self) -> Arc<dyn WholeProjection>;

    /// As [`Self::open_all`], for who counts and reads reports.
    async fn open(&self) -> Arc<dyn Projection> {
        self.open_all().await
    }

    /// Lets time pass on the boot clock of all who have it open.
    fn pass(&self, time: Duration);
}

/// All ports of a projection.
pub trait WholeProjection: Projection + LogStanding + Quarantine + ProjectionRebuild {}

impl<P: Projection + LogStanding + Quarantine + ProjectionRebuild> WholeProjection for P {}

/// A clock that stands still until it is moved.
#[derive(Debug, Default)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// Moves both clocks on.
    pub fn pass(&self, time: Duration) {
        let ms = i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        self.0.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn wall(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }

    fn boot_ms(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// A projector that holds the lease and keeps the positions.
pub struct Folder {
    /// What it folds into.
    pub projection: Arc<dyn Projection>,
    /// Its right to do so.
    pub lease: ProjectorLease,
    next_offset: i64,
}

impl Folder {
    /// Opens the projection and takes the lease.
    ///
    /// # Panics
    /// When another one holds it.
    pub async fn start(subject: &dyn ProjectionUnderTest) -> Self {
        let projection = subject.open().await;
        let worker = WorkerId("folder".to_owned());
        let lease = projection
            .hold_projector(&worker, Duration::from_secs(15))
            .await
            .expect("the projection answers")
            .expect("nobody else holds the lease");
        let positions = projection.positions().await.expect("the projection answers");
        let next_offset = positions.first().map_or(0, |position| position.next_offset);
        Self {
            projection,
            lease,
            next_offset,
        }
    }

    /// Where the next batch begins.
    #[must_use]
    pub fn from(&self) -> FoldPosition {
        FoldPosition {
            partition: 0,
            next_offset: self.next_offset,
            last: None,
        }
    }

    /// Folds a batch of partition 0 at the current position.
    ///
    /// # Errors
    /// The projection's own.
    pub async fn try_fold(&mut self, events: Vec<FoldEvent>) -> Result<FoldOutcome, ProjectionError> {
        let from = self.from();
        let next_offset = self.next_offset + i64::try_from(events.len()).expect("a batch is small");
        let to = FoldPosition {
            partition: 0,
            next_offset,
            last: events
                .last()
                .map(|event| (next_offset - 1, event.id.to_string(), 0)),
        };
        let folded = self
            .projection
            .fold(
                &self.lease,
                FoldBatch {
                    from: vec![from],
                    to: vec![to],
                    events,
                    ..FoldBatch::default()
                },
            )
            .await?;
        self.next_offset = next_offset;
        Ok(folded)
    }

    /// As [`Self::try_fold`]: how many were applied and how many were duplicates.
    ///
    /// # Panics
    /// When the batch is refused.
    pub async fn fold(&mut self, events: Vec<FoldEvent>) -> (u64, u64) {
        let folded = self.try_fold(events).await.expect("the batch is folded");
        (folded.applied, folded.duplicates)
    }

    /// A report.
    ///
    /// # Panics
    /// When it cannot be read.
    pub async fn report(&self, query: ReportQuery) -> Report {
        self.projection.report(query).await.expect("the report is read")
    }
}

/// An event with the `ordinal` of the root job 1, of `user`, at 1970-01-01, in `[country, state, city]`; without a
/// state the middle is empty. Its key is the lower case of its place.
#[must_use]
pub fn event(ordinal: u64, user: &str, [country, state, city]: [&str; 3]) -> FoldEvent {
    let state = Some(state).filter(|state| !state.is_empty());
    FoldEvent {
        partition: 0,
        offset: i64::try_from(ordinal).unwrap_or(i64::MAX),
        id: EventId::Ordinal {
            root: Uuid::from_u128(1),
            ordinal,
        },
        user: user.to_owned(),
        time: Timestamp::from_millis(0),
        place: Arc::new(SpeltPlace {
            key: PlaceKey {
                country: country.to_owned(),
                state: state.map(str::to_lowercase),
                city: city.to_lowercase(),
            },
            state: state.map(str::to_owned),
            city: city.to_owned(),
        }),
        replaces: None,
    }
}

/// A report over all time.
#[must_use]
pub fn query(group_by: GroupBy) -> ReportQuery {
    ReportQuery {
        group_by,
        from: None,
        to: None,
        topic: "user-events".to_owned(),
        generated_at: Timestamp::from_millis(7),
    }
}

/// A row; an empty state or city is absent.
#[must_use]
pub fn row([country, state, city]: [&str; 3], users: u64, events: u64) -> ReportRow {
    let present = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    ReportRow {
        country: country.to_owned(),
        state: present(state),
        city: present(city),
        users,
        events,
    }
}
