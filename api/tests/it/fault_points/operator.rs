//! What an operator does by hand, over the data folder of an `embedded` that is stopped, killed in the middle.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};

use super::drive::Client;
use super::embedded::flags;
use crate::census::{BOUND, Census, SIGKILL, send_signal};

/// So many events are counted, and the process is stopped.
pub(super) fn fill(data: &Path, client: &mut Client, events: u32) {
    let census = Census::start(flags(data));
    let job = client.samples(&census, events).expect("the api answers");
    census.succeeded(&job);
    let report = client.report(&census).expect("the api answers");
    census.succeeded(&report);
    assert_eq!(census.terminate(), Some(0));
}

/// The command dies of its fault point.
pub(super) fn dies(data: &Path, command: &str, faults: &str) {
    let status = begin(data, command, faults).wait().expect("the process is ours");
    assert_eq!(status.signal(), Some(SIGKILL), "{command}: {status}");
}

/// The command does what it is asked for.
pub(super) fn succeeds(data: &Path, command: &str) {
    let status = begin(data, command, "").wait().expect("the process is ours");
    assert_eq!(status.code(), Some(0), "{command}");
}

/// A rebuild is told to stop while its last step takes long, and dies of its fault point.
pub(super) fn dies_when_told_to_stop(data: &Path, faults: &str) {
    let slow = format!("flip/before-commit=sleep(3000);{faults}");
    let mut rebuild = begin(data, "rebuild", &slow);
    let started = Instant::now();
    while !rebuild_has_begun(data) {
        assert!(started.elapsed() < BOUND, "the rebuild does not begin");
        std::thread::park_timeout(Duration::from_millis(10));
    }
    send_signal(&rebuild, "TERM");
    let status = rebuild.wait().expect("the process is ours");
    assert_eq!(status.signal(), Some(SIGKILL), "{status}");
}

fn begin(data: &Path, command: &str, faults: &str) -> Child {
    Command::new(env!("CARGO_BIN_EXE_api"))
        .args(flags(data))
        .args(command.split(' '))
        .env("CENSUS_LOG", "warn")
        .env("FAILPOINTS", faults)
        .stdout(Stdio::null())
        .spawn()
        .expect("the binary under test starts")
}

fn rebuild_has_begun(data: &Path) -> bool {
    let file = Connection::open_with_flags(data.join("projection.sqlite"), OpenFlags::SQLITE_OPEN_READ_ONLY)
        .expect("the projection's file is there");
    file.query_row("SELECT rebuild > 0 FROM generations", [], |row| row.get(0))
        .expect("the projection can be read")
}
