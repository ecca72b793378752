//! The command line of the benchmark.

use std::path::PathBuf;

use clap::{Parser, ValueEnum as _};

use crate::cases::Case;

/// Measures Census, each figure beside the limit that was measured in the same run.
#[derive(Parser)]
pub(crate) struct Arguments {
    /// Which cases; all if none is named.
    #[arg(value_enum)]
    cases: Vec<Case>,
    /// Fewer repetitions of smaller sizes: a look at every case within minutes.
    #[arg(long)]
    pub(crate) short: bool,
    /// How often each case is measured; 5 if absent, 2 in the short form.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) repetitions: Option<u16>,
    /// Where data folders are made; on the disk that is to be measured. `target/bench/data` if absent.
    #[arg(long)]
    pub(crate) data: Option<PathBuf>,
    /// The log filter of the processes; the default is the product's own.
    #[arg(long, default_value = "info")]
    pub(crate) log: String,
    /// What cargo gives to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
    /// Serves the bare handler instead of measuring: the limit of the accept, in a process of its own.
    #[arg(long, hide = true)]
    pub(crate) serve_bare: bool,
    /// Has the bare handler write to this new file, and flush, before it answers.
    #[arg(long, hide = true, requires = "serve_bare")]
    pub(crate) flushing: Option<PathBuf>,
}

impl Arguments {
    /// The cases to be measured, in the order of the table.
    pub(crate) fn cases(&self) -> impl Iterator<Item = Case> {
        Case::value_variants()
            .iter()
            .copied()
            .filter(|case| self.cases.is_empty() || self.cases.contains(case))
    }
}
