//! The limit of a durable answer: one flush of the same disk.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::time::{Duration, Instant};

use crate::ground::Ground;
use crate::measure::Latencies;

/// What a commit of a small transaction appends to a WAL: some pages, each with its head.
const APPEND_BYTES: usize = 4 * (4_096 + 24);
/// Where the writer of a WAL begins at its start again: SQLite's checkpoint after a thousand pages.
const WAL_BYTES: u64 = 1_000 * (4_096 + 24);

/// Appends and flushes as the writer of a WAL does, `rate` times a second; each is timed from its write to the end of
/// its flush.
pub(crate) fn flush_at_rate(ground: &Ground, rate: u32, flushes: u64) -> Latencies {
    let folder = ground.fresh();
    let file = OpenOptions::new()
        .create_new(true)
        .write(true)
        .open(folder.path().join("wal"))
        .expect("the folder takes a file");
    let every = Duration::from_secs(1) / rate;
    let mut next = Instant::now();
    let mut at = 0;
    (0..flushes)
        .map(|_| {
            next += every;
            while let Some(rest) = next.checked_duration_since(Instant::now())
                && !rest.is_zero()
            {
                std::thread::park_timeout(rest);
            }
            let took = append(&file, at);
            at += APPEND_BYTES as u64;
            if at > WAL_BYTES {
                at = 0;
            }
            took
        })
        .collect()
}

fn append(file: &File, at: u64) -> Duration {
    let began = Instant::now();
    file.write_all_at(&[7; APPEND_BYTES], at)
        .and_then(|()| file.sync_data())
        .expect("the disk takes a few megabytes");
    began.elapsed()
}
