//! Why a process does not start, for the person at the terminal: logs may not have begun.

use std::error::Error as StdError;
use std::io::Write as _;
use std::process::ExitCode;

/// A command line or a configuration that an operator has to mend.
pub const EXIT_USAGE: u8 = 2;
/// Any other reason.
pub const EXIT_FAILURE: u8 = 1;

/// Says the fault with its whole chain of causes on standard error.
#[must_use]
pub fn refuse_to_start(fault: &dyn StdError, code: u8) -> ExitCode {
    let mut text = format!("census: {fault}\n");
    let mut cause = fault.source();
    while let Some(next) = cause {
        text.push_str(&format!("  because: {next}\n"));
        cause = next.source();
    }
    // Nobody is left to hear of a standard error that is closed.
    let _ = std::io::stderr().write_all(text.as_bytes());
    ExitCode::from(code)
}
