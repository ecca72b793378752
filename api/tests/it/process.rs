//! Processes of Census under a test: how they start, are told to stop, and die.

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::census::BOUND;

/// A running `workers` process. Killed when dropped.
pub(crate) struct Workers(Child);

impl Workers {
    pub(crate) fn start(role: &str, flags: &[String]) -> Self {
        Self::start_armed(role, flags, "")
    }

    /// A process with these fault points armed.
    pub(crate) fn start_armed(role: &str, flags: &[String], faults: &str) -> Self {
        let child = Command::new(workers_binary())
            .args(["--role", role])
            .args(flags)
            .env("CENSUS_LOG", "warn")
            .env("FAILPOINTS", faults)
            .spawn()
            .expect("the binary under test starts");
        Self(child)
    }

    pub(crate) fn kill(mut self) {
        self.0.kill().expect("the process runs");
        self.0.wait().expect("a killed process ends");
    }

    pub(crate) fn terminate(mut self) -> Option<i32> {
        terminate(&mut self.0)
    }

    /// Waits until the process has died of the `SIGKILL` that a fault point sent it.
    pub(crate) fn killed_itself(mut self) {
        assert_killed(&mut self.0);
    }

    /// Whether the process has ended.
    pub(crate) fn has_ended(&mut self) -> bool {
        has_ended(&mut self.0)
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Cargo names only the binaries of this package; that of `workers` lies beside them.
pub(crate) fn workers_binary() -> PathBuf {
    let path = Path::new(env!("CARGO_BIN_EXE_api")).with_file_name("workers");
    assert!(
        path.exists(),
        "{} is missing: `cargo test --workspace` builds it",
        path.display()
    );
    path
}

/// Sends `SIGTERM` and returns the exit code.
pub(crate) fn terminate(child: &mut Child) -> Option<i32> {
    send_signal(child, "TERM");
    child.wait().expect("the process is ours").code()
}

/// Sends the signal of this name.
pub(crate) fn send_signal(child: &Child, signal: &str) {
    let sent = Command::new("kill")
        .args([format!("-{signal}"), child.id().to_string()])
        .status()
        .expect("kill is a program of every Unix");
    assert!(sent.success());
}

pub(crate) fn has_ended(child: &mut Child) -> bool {
    child.try_wait().expect("the process is ours").is_some()
}

pub(crate) fn assert_killed(child: &mut Child) {
    let started = Instant::now();
    while !has_ended(child) {
        assert!(
            started.elapsed() < BOUND,
            "the process never reached its fault point"
        );
        std::thread::park_timeout(Duration::from_millis(10));
    }
    let status = child.wait().expect("the process is ours");
    assert_eq!(status.signal(), Some(SIGKILL), "{status}");
}

/// Of every Unix.
pub(crate) const SIGKILL: i32 = 9;

/// Tells threads to stop, also when the test breaks off.
pub(crate) struct StopOnDrop<'s>(pub(crate) &'s AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
