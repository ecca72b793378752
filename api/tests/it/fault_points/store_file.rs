//! Files of the data folder, looked at and touched past the process that owns them.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::census::BOUND;

/// As if nobody had come back for ten minutes.
pub(super) fn let_uploads_lapse(data: &Path) {
    let lapsed = open(data)
        .execute("UPDATE uploads SET lease_until_boot_ms = 0", [])
        .expect("nobody else has the file");
    assert_eq!(lapsed, 1, "the upload was under way");
}

/// Waits until a report is parked for what is in the log.
pub(super) fn wait_until_parked(data: &Path) {
    let store = open(data);
    let parked = "SELECT EXISTS (SELECT 1 FROM tasks WHERE state = 'queued' AND standing = 'bound')";
    let is_parked = || store.query_row(parked, [], |row| row.get::<_, bool>(0));
    let started = Instant::now();
    while !is_parked().expect("the store can be read") {
        assert!(started.elapsed() < BOUND, "the report is not parked");
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

/// The event log is gone.
pub(super) fn lose_log(data: &Path) {
    for file in ["log.sqlite", "log.sqlite-wal", "log.sqlite-shm"] {
        // A clean stop leaves only the first.
        let _ = std::fs::remove_file(data.join(file));
    }
}

fn open(data: &Path) -> Connection {
    Connection::open(data.join("jobs.sqlite")).expect("the store's file is there")
}
