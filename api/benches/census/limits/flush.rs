//! The limit of a durable answer: one flush of the same disk.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::time::{Duration, Instant};

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
    let file = File::create_new(folder.path().join("wal")).expect("the folder takes a file");
    // A WAL that has been round once grows no more, and its flushes are cheaper.
    for n in 0..COMMITS {
        commit(&file, n);
    }
    at_rate(rate, flushes, |n| commit(&file, n))
}

fn commit(file: &File, n: u64) -> Duration {
    let at = n % COMMITS * COMMIT_BYTES as u64;
    let began = Instant::now();
    file.write_all_at(&[7; COMMIT_BYTES], at)
        .and_then(|()| file.sync_data())
        .expect("the disk takes a few megabytes");
    began.elapsed()
}
