//! The command line of `api`: serves the API, or prints the configuration or the specification.

use std::io::Write as _;
use std::process::ExitCode;

use api::app;
use clap::{Parser, Subcommand};
use shared::config::{Config, Flags};
use shared::telemetry::{EXIT_FAILURE, EXIT_USAGE, refuse_to_start};
use workers::commands;

/// Census: takes in user events, carries them to the log, and counts them by place.
///
/// Without a subcommand it serves the API; in the profile `embedded`, the default, the whole product runs in
/// this one process.
#[derive(Parser)]
#[command(version)]
struct CommandLine {
    #[command(flatten)]
    flags: Flags,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Prints the configuration in force and where each value comes from; secrets are masked.
    Config,
    /// Prints the OpenAPI specification as YAML.
    Openapi,
    #[command(flatten)]
    Operate(commands::Command),
}

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let line = CommandLine::parse();
    if let Some(Command::Openapi) = line.command {
        return print(&api::openapi::yaml());
    }
    let (config, values) = match Config::load(line.flags.config.as_deref(), line.flags.set("listen")) {
        Ok(loaded) => loaded,
        Err(fault) => return refuse_to_start(&fault, EXIT_USAGE),
    };
    match line.command {
        Some(Command::Config) => print(&values.shown()),
        Some(Command::Operate(command)) => match commands::run(command, &config, &values.warnings) {
            Ok(()) => ExitCode::SUCCESS,
            Err(fault) => refuse_to_start(&fault, fault.exit_code()),
        },
        Some(Command::Openapi) | None => match app::run(&config, &values.warnings) {
            Ok(()) => ExitCode::SUCCESS,
            Err(fault) => refuse_to_start(&fault, EXIT_FAILURE),
        },
    }
}

fn print(text: &str) -> ExitCode {
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
