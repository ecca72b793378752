//! The one writer of a SQLite file: batches, bad members, patience, versions (P2, P9, P24).

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use rusqlite::Connection;
use shared::adapters::sqlite::{OpenError, ReadError, Reader, Schema, Write, WriteError, Writer};
use tempfile::TempDir;
use tokio::task::JoinHandle;

const SCHEMA: Schema = Schema {
    name: "numbers",
    migrations: &["CREATE TABLE numbers (n INTEGER PRIMARY KEY)"],
    cache_kib: Schema::CACHE_KIB,
};

#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error(transparent)]
    Write(#[from] WriteError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
}

struct File {
    folder: TempDir,
    writer: Writer,
}

impl File {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("the system has room for a folder");
        let writer = Writer::open(&folder.path().join("numbers.sqlite"), SCHEMA).expect("a new file opens");
        Self { folder, writer }
    }

    async fn numbers(&self) -> Vec<i64> {
        let reader = Reader::open(&self.folder.path().join("numbers.sqlite"), 1).expect("a pool is built");
        let read = reader.read(|connection| {
            let mut statement = connection
                .prepare("SELECT n FROM numbers ORDER BY n")
                .map_err(ReadError::from)?;
            let rows = statement
                .query_map([], |row| row.get(0))
                .map_err(ReadError::from)?;
            rows.collect::<Result<Vec<i64>, _>>()
                .map_err(|fault| Fault::Read(fault.into()))
        });
        read.await.expect("the file is read")
    }
}

fn insert(connection: &Connection, n: i64) -> Result<i64, Fault> {
    connection.execute("INSERT INTO numbers VALUES (?1)", [n])?;
    Ok(n)
}

/// Keeps the writer busy until it is opened: whoever waits meanwhile shares the next batch.
struct Gate {
    open: mpsc::Sender<()>,
    passed: JoinHandle<Result<(), Fault>>,
}

impl Gate {
    async fn before(writer: &Writer) -> Self {
        let (open, gate) = mpsc::channel::<()>();
        let (begun, mut begins) = tokio::sync::mpsc::unbounded_channel();
        let writer = writer.clone();
        let passed = tokio::spawn(async move {
            writer
                .write(Write::relaxed("gate"), move |_| {
                    begun.send(()).expect("somebody waits for it");
                    gate.recv().expect("the gate is opened");
                    Ok(())
                })
                .await
        });
        begins.recv().await.expect("the gate has its turn");
        Self { open, passed }
    }

    async fn open(self) {
        self.open.send(()).expect("the gate waits");
        let passed = self.passed.await.expect("the gate does not panic");
        passed.expect("the gate writes nothing that could fail");
    }
}

#[tokio::test]
async fn p2_who_refuses_and_has_written_nothing_lets_nobody_run_again() {
    static RUNS: AtomicU32 = AtomicU32::new(0);
    let file = File::new();
    let gate = Gate::before(&file.writer).await;
    let write = |write: fn(&Connection) -> Result<i64, Fault>| {
        let writer = file.writer.clone();
        tokio::spawn(async move { writer.write(Write::flushed("some"), write).await })
    };
    let good = write(|c| {
        RUNS.fetch_add(1, Ordering::SeqCst);
        insert(c, 1)
    });
    let refuses = write(|_| Err(Fault::Sqlite(rusqlite::Error::InvalidQuery)));
    // On one thread each is in its lane before the gate opens.
    tokio::task::yield_now().await;
    gate.open().await;
    assert_eq!(good.await.unwrap().unwrap(), 1);
    assert!(matches!(refuses.await.unwrap(), Err(Fault::Sqlite(_))));
    assert_eq!(RUNS.load(Ordering::SeqCst), 1);
    assert_eq!(file.numbers().await, [1]);
}

#[tokio::test]
async fn p3_a_transaction_that_sqlite_gives_up_takes_nobody_with_it_unsaid() {
    let file = File::new();
    let gate = Gate::before(&file.writer).await;
    let write = |write: fn(&Connection) -> Result<i64, Fault>| {
        let writer = file.writer.clone();
        tokio::spawn(async move { writer.write(Write::flushed("some"), write).await })
    };
    let good = write(|c| insert(c, 1));
    // As SQLite does by itself when the disk is full.
    let full = write(|c| {
        c.execute_batch("ROLLBACK")?;
        Ok(2)
    });
    let after = write(|c| insert(c, 3));
    // On one thread each is in its lane before the gate opens.
    tokio::task::yield_now().await;
    gate.open().await;
    for outcome in [good, full, after] {
        let outcome = outcome.await.unwrap();
        assert!(
            matches!(outcome, Err(Fault::Write(WriteError::OutcomeUnknown(_)))),
            "{outcome:?}"
        );
    }
    assert!(file.numbers().await.is_empty());
    assert_eq!(
        file.writer
            .write(Write::flushed("next"), |c| insert(c, 4))
            .await
            .unwrap(),
        4
    );
}

#[tokio::test]
async fn p3_nothing_is_accepted_while_a_reader_holds_the_checkpoint_up() {
    let file = File::new();
    let write = |operation, write: fn(&Connection) -> Result<i64, Fault>| {
        file.writer.write(Write::flushed(operation), write)
    };
    write("first", |c| insert(c, 1)).await.unwrap();
    let reader = Connection::open(file.folder.path().join("numbers.sqlite")).unwrap();
    reader
        .execute_batch("BEGIN; SELECT n FROM numbers LIMIT 1")
        .unwrap();
    write("second", |c| insert(c, 2)).await.unwrap();
    let lost = write("lost", |c| {
        c.execute_batch("ROLLBACK")?;
        Ok(3)
    });
    assert!(matches!(
        lost.await,
        Err(Fault::Write(WriteError::OutcomeUnknown(_)))
    ));
    let refused = write("refused", |c| insert(c, 4)).await;
    assert!(
        matches!(refused, Err(Fault::Write(WriteError::Failed(_)))),
        "{refused:?}"
    );
    reader.execute_batch("COMMIT").unwrap();
    write("next", |c| insert(c, 5)).await.unwrap();
    assert_eq!(file.numbers().await, [1, 2, 5]);
}

#[tokio::test(flavor = "multi_thread")]
async fn p2_a_bad_member_of_a_batch_fails_alone() {
    let file = File::new();
    let gate = Gate::before(&file.writer).await;
    let spawn = |how, write: fn(&Connection) -> Result<i64, Fault>| {
        let writer = file.writer.clone();
        tokio::spawn(async move { writer.write(how, write).await })
    };
    let good = spawn(Write::flushed("good"), |c| insert(c, 1));
    let bad = spawn(Write::relaxed("bad"), |c| {
        insert(c, 2)?;
        insert(c, 2)
    });
    let panics = spawn(Write::relaxed("panics"), |c| {
        insert(c, 3)?;
        panic!("on purpose")
    });
    let last = spawn(Write::relaxed("last").first(), |c| insert(c, 4));
    gate.open().await;
    assert_eq!(good.await.unwrap().unwrap(), 1);
    assert!(matches!(bad.await.unwrap(), Err(Fault::Sqlite(_))));
    assert!(matches!(
        panics.await.unwrap(),
        Err(Fault::Write(WriteError::BrokenOff))
    ));
    assert_eq!(last.await.unwrap().unwrap(), 4);
    assert_eq!(file.numbers().await, [1, 4]);
}

#[tokio::test(flavor = "multi_thread")]
async fn p9_a_write_that_gets_no_turn_is_withdrawn_and_never_happens() {
    let file = File::new();
    let gate = Gate::before(&file.writer).await;
    let impatient = Write::flushed("accept").patience(Duration::from_millis(50));
    let refused = file.writer.write(impatient, |c| insert(c, 1)).await;
    assert!(
        matches!(refused, Err(Fault::Write(WriteError::Busy { .. }))),
        "{refused:?}"
    );
    gate.open().await;
    file.writer
        .write(Write::relaxed("after"), |c| insert(c, 2))
        .await
        .unwrap();
    assert_eq!(file.numbers().await, [2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn p9_two_writers_of_one_file_both_get_their_turns() {
    let file = File::new();
    let other = Writer::open(&file.folder.path().join("numbers.sqlite"), SCHEMA).unwrap();
    let both = [file.writer.clone(), other].map(Arc::new);
    let mut writes = tokio::task::JoinSet::new();
    for n in 0..400 {
        let writer = Arc::clone(&both[n % 2]);
        let n = i64::try_from(n).unwrap();
        writes.spawn(async move { writer.write(Write::relaxed("turn"), move |c| insert(c, n)).await });
    }
    while let Some(written) = writes.join_next().await {
        written.unwrap().unwrap();
    }
    assert_eq!(file.numbers().await, (0..400).collect::<Vec<_>>());
}

#[test]
fn p24_a_newer_file_is_refused_with_a_sentence() {
    let file = File::new();
    let path = file.folder.path().join("numbers.sqlite");
    Connection::open(&path)
        .unwrap()
        .pragma_update(None, "user_version", 7)
        .unwrap();
    let Err(fault) = Writer::<()>::open(&path, SCHEMA) else {
        panic!("a newer file was opened")
    };
    assert!(
        matches!(
            fault,
            OpenError::Newer {
                found: 7,
                known: 1,
                ..
            }
        ),
        "{fault}"
    );
    assert!(fault.to_string().contains("start the newer program again"));
}
