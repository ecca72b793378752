//! The machine and the versions of a run.

use std::fmt;
use std::process::Command;

use serde::Serialize;

/// The libraries that the figures hang on; their versions are those of the lock file.
const LIBRARIES: [&str; 7] = [
    "poem",
    "poem-openapi",
    "hyper",
    "tokio",
    "rusqlite",
    "rdkafka",
    "amiquip",
];
const LOCK_FILE: &str = include_str!("../../../Cargo.lock");

/// What was measured, and on what.
#[derive(Serialize)]
pub(crate) struct Machine {
    processor: String,
    processors: usize,
    memory_gib: u64,
    kernel: String,
    file_system: String,
    census: String,
    rust: String,
    kafka: String,
    rabbitmq: String,
    libraries: Vec<String>,
}

impl Machine {
    /// This machine, with data on this kind of file system.
    pub(crate) fn this(file_system: &str) -> Self {
        let memory_kib = field("/proc/meminfo", "MemTotal")
            .trim_end_matches(" kB")
            .parse::<u64>();
        Self {
            processor: field("/proc/cpuinfo", "model name"),
            processors: std::thread::available_parallelism().map_or(0, usize::from),
            memory_gib: memory_kib.unwrap_or_default().div_ceil(1024 * 1024),
            kernel: first_line("/proc/sys/kernel/osrelease"),
            file_system: file_system.to_owned(),
            census: said(Command::new("git").args(["describe", "--always", "--dirty"])),
            rust: said(Command::new("rustc").arg("--version")),
            kafka: kafka_version(),
            rabbitmq: said(Command::new("dpkg-query").args(["-W", "-f", "${Version}", "rabbitmq-server"])),
            libraries: LIBRARIES.iter().filter_map(|name| locked(name)).collect(),
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} processors ({}), {} GiB of memory and one disk ({}); Linux {}, {}, Kafka {}, RabbitMQ {}, {}, census {}",
            self.processors,
            self.processor,
            self.memory_gib,
            self.file_system,
            self.kernel,
            self.rust,
            self.kafka,
            self.rabbitmq,
            self.libraries.join(", "),
            self.census,
        )
    }
}

/// The load average of the last minute.
pub(crate) fn load_average() -> f64 {
    let text = first_line("/proc/loadavg");
    let first = text.split(' ').next().and_then(|load| load.parse().ok());
    first.unwrap_or(f64::NAN)
}

fn kafka_version() -> String {
    let script = include_str!("../../../.ci/brokers");
    script
        .lines()
        .find_map(|line| line.strip_prefix("kafka_version="))
        .unwrap_or("unknown")
        .to_owned()
}

fn locked(name: &str) -> Option<String> {
    let head = format!("name = \"{name}\"\nversion = \"");
    let (_, rest) = LOCK_FILE.split_once(&head)?;
    let (version, _) = rest.split_once('"')?;
    Some(format!("{name} {version}"))
}

/// What a program prints, in one line.
fn said(command: &mut Command) -> String {
    let output = command.output().ok().filter(|output| output.status.success());
    output.map_or_else(
        || "unknown".to_owned(),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    )
}

fn first_line(path: &str) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().next().unwrap_or("unknown").to_owned()
}

fn field(path: &str, name: &str) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines()
        .find_map(|line| line.strip_prefix(name)?.trim_start().strip_prefix(':'))
        .unwrap_or("unknown")
        .trim()
        .to_owned()
}
