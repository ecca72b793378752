//! The log of the profile `embedded`.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use shared::adapters::sqlite::log::SqliteLog;
use shared::adapters::system::SystemClock;
use shared::ports::{EventLog, Health};
use shared::testing::event_log::LogUnderTest;

struct Folder {
    path: PathBuf,
    _folder: tempfile::TempDir,
}

fn folder() -> Folder {
    let folder = tempfile::tempdir().expect("a folder");
    Folder {
        path: folder.path().join("log.db"),
        _folder: folder,
    }
}

#[async_trait]
impl LogUnderTest for Folder {
    async fn open(&self) -> Arc<dyn EventLog> {
        Arc::new(SqliteLog::open(&self.path, "user-events", Arc::new(SystemClock)).expect("the log opens"))
    }
}

shared::event_log_suite!(folder());

#[tokio::test]
async fn a_log_that_can_be_used_is_up() {
    let folder = folder();
    let log = SqliteLog::open(&folder.path, "user-events", Arc::new(SystemClock)).unwrap();
    log.ends().await.unwrap();
    let health = log.health();
    assert_eq!((health.name, health.up, health.detail), ("log", true, None));
    assert_eq!(log.topic(), "user-events");
}
