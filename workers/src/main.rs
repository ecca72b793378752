//! The command line of `workers`: executes jobs and projects the log until it is told to stop.

use std::process::ExitCode;

use clap::Parser;
use shared::config::{Config, Flags};
use shared::telemetry::{EXIT_FAILURE, EXIT_USAGE, refuse_to_start};
use workers::app;

/// The worker process of Census: takes jobs from RabbitMQ, publishes events to Kafka, and counts them.
#[derive(Parser)]
#[command(version)]
struct CommandLine {
    #[command(flatten)]
    flags: Flags,
    /// Duties of this process: `userevents`, `userstats`, or both with a comma.
    #[arg(long, value_name = "ROLES")]
    role: Option<String>,
}

fn main() -> ExitCode {
    let line = CommandLine::parse();
    let flags = line
        .flags
        .set("workers_listen")
        .chain(line.role.map(|role| ("role", role)));
    match Config::load(line.flags.config.as_deref(), flags) {
        Ok((config, values)) => match app::run(&config, &values.warnings) {
            Ok(()) => ExitCode::SUCCESS,
            Err(fault) => refuse_to_start(&fault, EXIT_FAILURE),
        },
        Err(fault) => refuse_to_start(&fault, EXIT_USAGE),
    }
}
