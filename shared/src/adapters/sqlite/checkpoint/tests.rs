//! A WAL that a writer fills: it begins anew when it is long, whoever reads meanwhile, and its pages are in the file.

use std::time::{Duration, Instant};

use super::*;
use crate::adapters::sqlite::{Schema, Write, WriteError, Writer};

const SCHEMA: Schema = Schema {
    name: "test",
    migrations: &["CREATE TABLE filled (n INTEGER PRIMARY KEY, body BLOB)"],
};
const BOUND: Duration = Duration::from_secs(60);
const PAGE_BYTES: u64 = 4_096 + 24;

#[test]
fn the_thread_copies_and_the_writer_only_the_rest() {
    assert_eq!(due(COPY_PAGES - 1, 0), Due::Nothing);
    assert_eq!(due(COPY_PAGES, 0), Due::Copy);
    assert_eq!(due(LONG_PAGES, LONG_PAGES - REST_PAGES - 1), Due::Nothing);
    assert_eq!(due(LONG_PAGES, 0), Due::Copy);
    assert_eq!(due(LONG_PAGES, LONG_PAGES - REST_PAGES), Due::Finish);
    assert_eq!(due(BOUND_PAGES, 0), Due::Finish);
}

#[tokio::test]
async fn p9_the_wal_is_bounded_and_its_pages_reach_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("filled.sqlite");
    let writer = Writer::open(&path, SCHEMA).unwrap();
    // Five times what the WAL may hold.
    for n in 0..400 {
        fill(&writer, n).await;
    }
    let wal = std::fs::metadata(folder.path().join("filled.sqlite-wal"));
    let bound = u64::from(BOUND_PAGES) * PAGE_BYTES + 4 * 1024 * 1024;
    assert!(wal.unwrap().len() <= bound);
    assert!(std::fs::metadata(&path).unwrap().len() > 4 * bound);
}

#[tokio::test]
async fn a_reader_holds_up_the_wal_only_until_it_ends() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("read.sqlite");
    let writer = Writer::open(&path, SCHEMA).unwrap();
    fill(&writer, 0).await;
    let reader = Connection::open(&path).unwrap();
    reader
        .execute_batch("BEGIN; SELECT count(*) FROM filled")
        .unwrap();
    for n in 1..100 {
        fill(&writer, n).await;
    }
    let look = Connection::open(&path).unwrap();
    assert!(
        pages(&look) > i64::from(BOUND_PAGES),
        "what the reader sees is not to be overwritten"
    );
    reader.execute_batch("COMMIT").unwrap();
    let began = Instant::now();
    let mut n = 100;
    while pages(&look) > i64::from(LONG_PAGES) {
        assert!(began.elapsed() < BOUND);
        fill(&writer, n).await;
        n += 1;
    }
}

/// Commits a row of 200 pages.
async fn fill(writer: &Writer, n: u32) {
    let filled = writer.write(Write::relaxed("fill"), move |connection| {
        connection
            .execute("INSERT INTO filled VALUES (?1, zeroblob(819200))", [n])
            .map_err(|source| WriteError::Failed(Arc::new(source)))
    });
    assert_eq!(filled.await.unwrap(), 1);
}

/// Pages of the WAL. `NOOP` looks and copies nothing.
fn pages(connection: &Connection) -> i64 {
    connection
        .query_row("PRAGMA wal_checkpoint(NOOP)", [], |row| row.get(1))
        .unwrap()
}
