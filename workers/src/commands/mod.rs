//! What an operator does by hand, beside running processes: looks at dead messages, sends them again or throws them away.

mod dead;
mod fault;

use std::io::Write as _;

use clap::Subcommand;
use serde::Serialize;
use shared::config::Config;

pub use self::dead::DeadCommand;
pub use self::fault::CommandFault;
use crate::process::{block_on, start_process};

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Looks at the messages that no worker could read, sends them again, or throws them away.
    #[command(subcommand)]
    Dead(DeadCommand),
}

/// Runs the command to its end.
///
/// # Errors
/// [`CommandFault`]; its exit code tells a refusal from a failure.
pub fn run(command: Command, config: &Config, warnings: &[String]) -> Result<(), CommandFault> {
    start_process(config, warnings)?;
    block_on(async {
        match command {
            Command::Dead(command) => dead::run(config, command).await,
        }
    })
}

/// One line of JSON on standard output.
fn print(line: &impl Serialize) -> Result<(), CommandFault> {
    let mut text = serde_json::to_vec(line).expect("numbers, flags and texts always serialise");
    text.push(b'\n');
    std::io::stdout().write_all(&text).map_err(CommandFault::Output)
}
