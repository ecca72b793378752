//! Reads of a SQLite file beside the writer: who waits for a connection, and how long.

use std::sync::mpsc;
use std::time::Duration;

use shared::adapters::sqlite::{ReadError, Reader, Schema, Writer};
use tempfile::TempDir;
use tokio::task::JoinHandle;

const SCHEMA: Schema = Schema {
    name: "empty",
    migrations: &["CREATE TABLE empty (n INTEGER PRIMARY KEY)"],
    cache_kib: Schema::CACHE_KIB,
};

/// A file whose only connection is taken.
struct Taken {
    reader: Reader,
    give_back: mpsc::Sender<()>,
    read: JoinHandle<Result<(), ReadError>>,
    _folder: TempDir,
    _writer: Writer,
}

impl Taken {
    async fn new(open: fn(&std::path::Path, usize) -> Result<Reader, ReadError>) -> Self {
        let folder = tempfile::tempdir().expect("the system has room for a folder");
        let path = folder.path().join("empty.sqlite");
        let writer = Writer::open(&path, SCHEMA).expect("a new file opens");
        let reader = open(&path, 1).expect("a pool is built");
        let (give_back, given_back) = mpsc::channel::<()>();
        let (begun, begins) = tokio::sync::oneshot::channel();
        let (other, taken) = (reader.clone(), move |_: &_| {
            begun.send(()).expect("somebody waits for it");
            given_back.recv().expect("it is given back");
            Ok(())
        });
        let read = tokio::spawn(async move { other.read(taken).await });
        begins.await.expect("the read begins");
        Self {
            reader,
            give_back,
            read,
            _folder: folder,
            _writer: writer,
        }
    }

    /// Another read, after it has waited for a minute.
    async fn another(&self) -> JoinHandle<Result<(), ReadError>> {
        let reader = self.reader.clone();
        let (about, asks) = tokio::sync::oneshot::channel();
        let read = tokio::spawn(async move {
            about.send(()).expect("somebody waits for it");
            reader.read(|_| Ok(())).await
        });
        asks.await.expect("the read begins");
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(60)).await;
        tokio::task::yield_now().await;
        tokio::time::resume();
        read
    }

    /// Ends the first read. The file stays: who waits for its connection has yet to read it.
    async fn give_back(&mut self) {
        self.give_back.send(()).expect("it is taken");
        let read = &mut self.read;
        read.await.expect("no panic").expect("the file is read");
    }
}

#[tokio::test]
async fn a_hurried_read_gives_up_when_no_connection_gets_free() {
    let mut taken = Taken::new(Reader::open).await;
    let late = taken.another().await.await.expect("no panic");
    assert!(matches!(late, Err(ReadError::NoConnection(_))), "{late:?}");
    taken.give_back().await;
}

#[tokio::test]
async fn an_unhurried_read_waits_for_those_before_it() {
    let mut taken = Taken::new(Reader::unhurried).await;
    let waits = taken.another().await;
    assert!(!waits.is_finished());
    taken.give_back().await;
    waits.await.expect("no panic").expect("the file is read");
}
