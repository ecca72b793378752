//! The limit of a durable answer: one flush of the same disk.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::ground::Ground;
use crate::limits::pace::at_rate;
use crate::measure::Latencies;

/// What a commit of a small transaction writes to a WAL: some pages, each with its head.
const COMMIT_BYTES: usize = 4 * (4_096 + 24);
/// Commits after which the writer of a WAL begins at its start again: Census checkpoints after 4,000 pages.
const COMMITS: u64 = 1_000;

/// Writes and flushes as the writer of a WAL does, `rate` times a second; each is timed from its write to the end of
/// its flush.
pub(crate) fn flush_at_rate(ground: &Ground, rate: u32, flushes: u64) -> Latencies {
    let folder = ground.fresh();
    let mut wal = Wal::make(&folder.path().join("wal"));
    at_rate(rate, flushes, |_| wal.commit())
}

/// A thread that writes and flushes for others, one after the other.
pub(crate) struct Flusher(mpsc::Sender<oneshot::Sender<()>>);

impl Flusher {
    /// Over a new file.
    pub(crate) fn start(file: &Path) -> Self {
        let (orders, ordered) = mpsc::channel::<oneshot::Sender<()>>();
        let mut wal = Wal::make(file);
        std::thread::spawn(move || {
            for done in ordered {
                wal.commit();
                // Who has gone wants no answer.
                let _ = done.send(());
            }
        });
        Self(orders)
    }

    /// Returns when it is on the disk.
    pub(crate) async fn flush(&self) {
        let (done, flushed) = oneshot::channel();
        self.0.send(done).expect("the thread ends after its handle");
        flushed.await.expect("a flush that fails breaks the case");
    }
}

/// A file that is written as a WAL is. One that has been round once grows no more, and its flushes are cheaper.
struct Wal {
    file: File,
    commits: u64,
}

impl Wal {
    fn make(path: &Path) -> Self {
        let file = File::create_new(path).expect("the folder takes a file");
        let mut wal = Self { file, commits: 0 };
        for _ in 0..COMMITS {
            wal.commit();
        }
        wal
    }

    fn commit(&mut self) -> Duration {
        let at = self.commits % COMMITS * COMMIT_BYTES as u64;
        self.commits += 1;
        let began = Instant::now();
        self.file
            .write_all_at(&[7; COMMIT_BYTES], at)
            .and_then(|()| self.file.sync_data())
            .expect("the disk takes a few megabytes");
        began.elapsed()
    }
}
