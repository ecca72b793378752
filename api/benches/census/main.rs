//! The benchmark: real processes on a real disk over real brokers, each figure beside the limit that was measured in
//! the same run.
//!
//! `cargo bench -p api` measures every case; `cargo bench -p api -- --short drain import` two of them in minutes.
//! Progress goes to stderr, the table to stdout as Markdown, everything to a JSON file under `target/bench/`.

mod arguments;
mod brokers;
mod cases;
mod client;
mod events;
mod ground;
mod limits;
mod load;
mod machine;
mod measure;
mod plan;
mod process;
mod product;
mod progress;
mod results;
mod row;
mod table;
mod usage;

use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use clap::Parser as _;

use crate::arguments::Arguments;
use crate::cases::Case;
use crate::plan::Plan;
use crate::progress::say;
use crate::results::Results;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.serve_bare {
        return limits::bare_handler::serve(arguments.flushing.as_deref());
    }
    let plan = Plan::new(&arguments);
    let mut results = Results::new(&plan, &arguments.log);
    let mut broken = Vec::new();
    for case in arguments.cases() {
        match run(case, &plan) {
            Some(rows) => results.add(case, rows),
            None => broken.push(case.to_string()),
        }
        // After each case: a run that is broken off keeps what it has measured.
        let file = results.write();
        say(&format!("written to {}", file.display()));
    }
    let text = table::markdown(&results);
    let shown = std::io::stdout().write_all(text.as_bytes());
    if !broken.is_empty() {
        say(&format!("could not be measured: {}", broken.join(", ")));
    }
    if broken.is_empty() && shown.is_ok() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// The rows of a case, or none when it broke: the others are measured all the same.
fn run(case: Case, plan: &Plan) -> Option<Vec<row::Row>> {
    say(&format!("case {case}"));
    let result = catch_unwind(AssertUnwindSafe(|| block_on(case.run(plan))));
    if result.is_err() {
        say(&format!("case {case} broke; see above"));
    }
    result.ok()
}

/// One thread, so that the client takes as little as it can from the two cores that it shares with the product.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("the system has room for one event loop")
        .block_on(future)
}
