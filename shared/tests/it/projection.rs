//! Every adapter of the port runs the port's conformance suite.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use shared::adapters::sqlite::projection::ProjectionStore;
use shared::adapters::sqlite::{Schema, Writer};
use shared::job::WorkerId;
use shared::ports::{Health, Projection};
use shared::testing::projection::{ManualClock, ProjectionUnderTest, WholeProjection};
use tempfile::TempDir;

struct Sqlite {
    folder: TempDir,
    clock: Arc<ManualClock>,
}

impl Sqlite {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a folder can be made"),
            clock: Arc::default(),
        }
    }

    fn boot(&self, boot_id: &str) -> ProjectionStore {
        let path = self.folder.path().join("projection.db");
        let clock = Arc::clone(&self.clock);
        ProjectionStore::open(&path, clock, boot_id.to_owned(), 2).expect("the file can be opened")
    }
}

#[async_trait]
impl ProjectionUnderTest for Sqlite {
    async fn open_all(&self) -> Arc<dyn WholeProjection> {
        Arc::new(self.boot("boot 1"))
    }

    fn pass(&self, time: Duration) {
        self.clock.pass(time);
    }
}

shared::projection_suite!(Sqlite::new());

#[tokio::test]
async fn p8_a_lease_of_another_boot_has_lapsed() {
    let subject = Sqlite::new();
    let ttl = Duration::from_secs(15);
    let (a, b) = (WorkerId("a".to_owned()), WorkerId("b".to_owned()));
    let before = subject.boot("boot 1");
    let first = before.hold_projector(&a, ttl).await.unwrap().unwrap();
    let after = subject.boot("boot 2");
    assert_eq!(after.projector().await.unwrap(), None);
    let second = after.hold_projector(&b, ttl).await.unwrap().unwrap();
    assert!(second.token > first.token);
}

#[tokio::test]
async fn the_store_says_that_it_is_up() {
    let health = Sqlite::new().boot("boot 1").health();
    assert_eq!((health.name, health.up), ("projection", true));
}

#[tokio::test]
async fn p24_a_file_of_the_first_version_is_brought_up_to_date() {
    let subject = Sqlite::new();
    let first = Schema {
        name: "projection",
        migrations: &[include_str!("../../src/adapters/sqlite/projection/schema.sql")],
        cache_kib: Schema::CACHE_KIB,
    };
    let path = subject.folder.path().join("projection.db");
    drop(Writer::<()>::open(&path, first).unwrap());
    rusqlite::Connection::open(&path)
        .unwrap()
        .execute_batch(
            "INSERT INTO positions VALUES (0, 8, 7, '', 0);
             INSERT INTO quarantine VALUES (0, 7, 'foreign', x'6f72646572');",
        )
        .unwrap();
    let projection = subject.open_all().await;
    let kept = projection.quarantined(None, 10).await.unwrap();
    assert_eq!(kept.len(), 1);
    assert_eq!(
        (
            kept[0].record.size_bytes,
            kept[0].record.event_id.as_str(),
            kept[0].corrected
        ),
        (5, "", false)
    );
    assert_eq!(projection.standing().await.unwrap().quarantined, 1);
    assert_eq!(projection.positions().await.unwrap()[0].next_offset, 8);
}
