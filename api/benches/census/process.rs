//! The programs under test as processes: started with flags, killed when dropped.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::brokers::Brokers;

/// Where nobody listens: `discard` is served nowhere.
const NOWHERE: &str = "127.0.0.1:9";

/// The programs under test.
pub(crate) struct Programs {
    pub(crate) api: PathBuf,
    pub(crate) workers: PathBuf,
    /// Their log filter.
    pub(crate) log: String,
}

/// The flags that the processes of one deployment share.
#[derive(Clone)]
pub(crate) struct Flags(Vec<String>);

impl Flags {
    /// The whole product in one process.
    pub(crate) fn embedded(data: &Path) -> Self {
        Self::of("embedded", data, NOWHERE, NOWHERE)
    }

    /// The profile `brokers`, and no broker is there.
    pub(crate) fn brokers_away(data: &Path) -> Self {
        Self::of(
            "brokers",
            data,
            &format!("amqp://guest:guest@{NOWHERE}/%2f"),
            NOWHERE,
        )
    }

    /// The profile `brokers` over these, with a topic and queues of its own.
    pub(crate) fn brokers(data: &Path, brokers: &Brokers) -> Self {
        let mut flags = Self::of("brokers", data, &brokers.rabbitmq_url, &brokers.kafka);
        let name = format!("bench-{}", uuid::Uuid::now_v7().simple());
        let file = data.join("census.toml");
        let text = format!("rabbitmq_prefix = \"{name}\"\nkafka_topic = \"{name}\"\n");
        std::fs::write(&file, text).expect("the folder takes a file");
        flags
            .0
            .extend(["--config".to_owned(), file.display().to_string()]);
        flags
    }

    fn of(profile: &str, data: &Path, rabbitmq: &str, kafka: &str) -> Self {
        let mut flags = vec![
            "--profile".to_owned(),
            profile.to_owned(),
            "--data-dir".to_owned(),
            data.display().to_string(),
        ];
        if profile == "brokers" {
            let brokers = ["--rabbitmq-url", rabbitmq, "--kafka-brokers", kafka];
            flags.extend(brokers.map(str::to_owned));
        }
        Self(flags)
    }
}

/// A program that listens. Killed when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// An `api`, once it listens.
    pub(crate) fn api(programs: &Programs, flags: &Flags) -> Self {
        Self::start(
            Command::new(&programs.api)
                .args(["--listen", "127.0.0.1:0"])
                .args(&flags.0)
                .env("CENSUS_LOG", &programs.log),
        )
    }

    /// Any program that names its address in its first lines, as `listens on http://…`.
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        let stdout = child.stdout.take().expect("stdout is piped");
        let address = BufReader::new(stdout)
            .lines()
            .map_while(Result::ok)
            .find_map(|line| {
                let (_, rest) = line.split_once("listens on http://")?;
                rest.split(' ').next()?.parse().ok()
            });
        Self {
            child,
            address: address
                .unwrap_or_else(|| panic!("ended before it named its address; try it by hand: {command:?}")),
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// A `workers` process of both roles. Killed when dropped.
pub(crate) struct Workers(Child);

impl Workers {
    pub(crate) fn start(programs: &Programs, flags: &Flags) -> Self {
        let child = Command::new(&programs.workers)
            .args(&flags.0)
            .env("CENSUS_LOG", &programs.log)
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        Self(child)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        end(&mut self.0);
    }
}

fn end(child: &mut Child) {
    // Already gone is as good.
    let _ = child.kill();
    let _ = child.wait();
}
