//! The command line of `workers`: executes jobs and projects the log until it is told to stop, or does what an operator
//! asks for.

use std::process::ExitCode;

use clap::Parser;
use shared::config::{Config, Flags};
use shared::telemetry::{EXIT_FAILURE, EXIT_USAGE, refuse_to_start};
use workers::app;
use workers::commands::{self, Command};

/// The worker process of Census: takes jobs from RabbitMQ, publishes events to Kafka, and counts them.
///
/// Without a subcommand it works until it is told to stop.
#[derive(Parser)]
#[command(version)]
struct CommandLine {
    #[command(flatten)]
    flags: Flags,
    /// Duties of this process: `userevents`, `userstats`, or both with a comma.
    #[arg(long, value_name = "ROLES")]
    role: Option<String>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let line = CommandLine::parse();
    let flags = line
        .flags
        .set("workers_listen")
        .chain(line.role.map(|role| ("role", role)));
    match Config::load(line.flags.config.as_deref(), flags) {
        Ok((config, values)) => match line.command {
            Some(command) => match commands::run(command, &config, &values.warnings) {
                Ok(()) => ExitCode::SUCCESS,
                Err(fault) => refuse_to_start(&fault, fault.exit_code()),
            },
            None => match app::run(&config, &values.warnings) {
                Ok(()) => ExitCode::SUCCESS,
                Err(fault) => refuse_to_start(&fault, EXIT_FAILURE),
            },
        },
        Err(fault) => refuse_to_start(&fault, EXIT_USAGE),
    }
}
