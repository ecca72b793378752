//! What a process uses, as Linux tells it: memory and processor time.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::measure::Samples;

/// Ticks a second in `/proc`: 100 on every architecture that Census is built for.
const TICKS_PER_S: f64 = 100.0;

/// MiB that the process holds in memory now.
pub(crate) fn resident_mib(pid: u32) -> f64 {
    memory_mib(pid, "VmRSS:")
}

/// The most that it has held so far, in MiB.
pub(crate) fn peak_mib(pid: u32) -> f64 {
    memory_mib(pid, "VmHWM:")
}

/// Files and connections that this process may hold open.
pub(crate) fn files_max() -> u64 {
    let limits = read(std::process::id(), "limits");
    let soft = limits.lines().find_map(|line| {
        let rest = line.strip_prefix("Max open files")?;
        rest.split_whitespace().next()?.parse().ok()
    });
    soft.expect("Linux tells a process its limits")
}

fn memory_mib(pid: u32, name: &str) -> f64 {
    let status = read(pid, "status");
    let kib = status.lines().find_map(|line| {
        line.strip_prefix(name)?
            .trim()
            .strip_suffix(" kB")?
            .parse::<f64>()
            .ok()
    });
    kib.expect("a process that runs has memory") / 1024.0
}

/// Processor time that the process has spent so far, in microseconds.
pub(crate) fn processor_us(pid: u32) -> f64 {
    let stat = read(pid, "stat");
    // The name of the program, which may hold anything, ends with the last parenthesis.
    let (_, fields) = stat.rsplit_once(')').expect("the name stands in parentheses");
    let ticks: f64 = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(|ticks| ticks.parse::<f64>().expect("times are numbers"))
        .sum();
    ticks / TICKS_PER_S * 1e6
}

fn read(pid: u32, file: &str) -> String {
    std::fs::read_to_string(format!("/proc/{pid}/{file}")).expect("Linux tells how a running process is")
}

/// Where the time goes: microseconds of processor time for each job or event, by program.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Spent(BTreeMap<&'static str, Samples>);

/// Processor time so far, by program.
pub(crate) type SpentSoFar = BTreeMap<&'static str, f64>;

impl Spent {
    /// Adds one repetition that did so many jobs or events between two looks.
    pub(crate) fn push(&mut self, before: &SpentSoFar, after: &SpentSoFar, done: u64) {
        for (program, spent) in after {
            let before = before.get(program).copied().unwrap_or_default();
            let each = (spent - before) / done as f64;
            self.0.entry(program).or_default().push(each);
        }
    }

    /// Adds what was measured beside it.
    pub(crate) fn beside(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// By program, each its median.
    pub(crate) fn medians(&self) -> impl Iterator<Item = (&'static str, f64)> {
        self.0
            .iter()
            .map(|(program, samples)| (*program, samples.median()))
    }
}
