//! What the person at the terminal sees while the benchmark runs.

use std::io::Write as _;
use std::sync::LazyLock;
use std::time::Instant;

static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Writes one line to stderr, with the seconds since the first one.
pub(crate) fn say(text: &str) {
    let line = format!("{:7.1}s  {text}\n", BEGAN.elapsed().as_secs_f64());
    // A closed standard error is no reason not to measure.
    let _ = std::io::stderr().write_all(line.as_bytes());
}
