//! What an operator does by hand, beside running processes or, in `embedded`, instead of them: looks at the quarantine
//! and corrects it (P19), rebuilds the counts (P20), repairs a log that has diverged (P17), looks after dead messages.

mod dead;
mod fault;
mod quarantine;
mod rebuild;
mod redrive;
mod repair;

use std::io::Write as _;
use std::path::PathBuf;

use clap::Subcommand;
use serde::Serialize;
use shared::config::Config;
use shared::ports::RecordPlace;

pub use self::dead::DeadCommand;
pub use self::fault::CommandFault;
use crate::process::{block_on, start_process};

/// The commands, the same ones in both binaries. In the profile `embedded` they need the data folder for themselves:
/// stop `api` first.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Looks at the records that could not be counted, or corrects one.
    #[command(subcommand)]
    Quarantine(QuarantineCommand),
    /// Counts the whole event log anew; reports show the counts before until the new ones take over.
    Rebuild,
    /// Mends what a lost or exchanged event log leaves behind: publishes the kept submits again, with the same ids,
    /// and rebuilds the counts.
    RepairLog {
        /// Does it; without this flag the command says what it would do.
        #[arg(long)]
        yes: bool,
    },
    /// Looks at the messages that no worker could read, sends them again, or throws them away.
    #[command(subcommand)]
    Dead(DeadCommand),
}

/// What can be done with the quarantine.
#[derive(Debug, Subcommand)]
pub enum QuarantineCommand {
    /// Prints one line of JSON for each record that was not corrected yet.
    List {
        /// Also those that were corrected.
        #[arg(long)]
        all: bool,
    },
    /// Appends a corrected event to the log in the place of a record in quarantine. However often, it counts once.
    Redrive {
        /// The record: partition and offset, like `3/1200`.
        place: RecordPlace,
        /// The event as JSON, as it would stand in a submit; without it the event is read from standard input.
        #[arg(long, value_name = "FILE")]
        event: Option<PathBuf>,
    },
}

/// Runs the command to its end.
///
/// # Errors
/// [`CommandFault`]; its exit code tells a refusal from a failure.
pub fn run(command: Command, config: &Config, warnings: &[String]) -> Result<(), CommandFault> {
    start_process(config, warnings)?;
    block_on(async {
        match command {
            Command::Quarantine(QuarantineCommand::List { all }) => quarantine::list(config, all).await,
            Command::Quarantine(QuarantineCommand::Redrive { place, event }) => {
                redrive::redrive(config, place, event.as_deref()).await
            }
            Command::Rebuild => rebuild::rebuild(config).await,
            Command::RepairLog { yes } => repair::repair_log(config, yes).await,
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
