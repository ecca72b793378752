//! Census under a storm: real processes over brokers of their own, each behind a proxy.

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use shared::testing::brokers::OwnBrokers;
use shared::testing::fault_proxy::FaultProxy;

use super::disk::Disk;
use crate::census::{BOUND, send_signal, workers_binary};

/// Short, so that a fault can be longer than it.
pub(super) const LEASE: Duration = Duration::from_secs(3);
/// Two processes with both roles: one projects, the other stands by.
pub(super) const PROCESSES: [&str; 3] = ["api", "workers-1", "workers-2"];
pub(super) const API: usize = 0;
/// The name of queues and topic.
pub(super) const NAME: &str = "storm";

/// Everything that a fault can be brought to.
pub(super) struct World {
    pub(super) brokers: OwnBrokers,
    pub(super) rabbitmq: FaultProxy,
    pub(super) kafka: FaultProxy,
    pub(super) disk: Disk,
    /// Where each process listens, also after a restart.
    addresses: [String; PROCESSES.len()],
    logs: PathBuf,
    flags: Vec<String>,
    processes: [Mutex<Option<Child>>; PROCESSES.len()],
}

impl World {
    /// Starts everything for a storm of this length; `logs` gets what the processes say.
    pub(super) fn start(logs: &Path, storm: Duration) -> Self {
        let brokers = OwnBrokers::start();
        let (rabbitmq, rabbitmq_url) = brokers.addresses().rabbitmq_proxy();
        let kafka = brokers.kafka_proxy();
        let disk = Disk::new(storm);
        let config = logs.join("census.toml");
        std::fs::write(&config, settings()).expect("the folder takes a file");
        let addresses = PROCESSES.map(|_| free_address());
        let flags = [
            ("--profile", "brokers".to_owned()),
            ("--config", config.display().to_string()),
            ("--data-dir", disk.folder().display().to_string()),
            ("--rabbitmq-url", rabbitmq_url),
            ("--kafka-brokers", kafka.address().to_string()),
        ];
        let world = Self {
            brokers,
            rabbitmq,
            kafka,
            disk,
            addresses,
            logs: logs.to_owned(),
            flags: flags
                .into_iter()
                .flat_map(|(flag, value)| [flag.to_owned(), value])
                .collect(),
            processes: Default::default(),
        };
        (0..PROCESSES.len()).for_each(|process| world.begin(process));
        world.until_ready();
        world
    }

    /// Where a client finds the process.
    pub(super) fn base(&self, process: usize) -> String {
        format!("http://{}", self.addresses[process])
    }

    /// Starts the process if it does not run.
    pub(super) fn begin(&self, process: usize) {
        let mut slot = self.process(process);
        if slot.is_some() {
            return;
        }
        let name = PROCESSES[process];
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.logs.join(format!("{name}.log")))
            .expect("the folder takes a file");
        let binary = match process {
            API => PathBuf::from(env!("CARGO_BIN_EXE_api")),
            _ => workers_binary(),
        };
        let child = Command::new(binary)
            .args(["--listen", &self.addresses[process]])
            .args(&self.flags)
            .env("CENSUS_LOG", "info")
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("the binary under test starts");
        *slot = Some(child);
    }

    /// `SIGKILL`; it stays away until [`begin`](Self::begin).
    pub(super) fn kill(&self, process: usize) {
        if let Some(mut child) = self.process(process).take() {
            child.kill().expect("the process runs");
            child.wait().expect("a killed process ends");
        }
    }

    /// `SIGTERM`; returns when it has ended.
    pub(super) fn stop(&self, process: usize) {
        if let Some(mut child) = self.process(process).take() {
            send_signal(&child, "TERM");
            child.wait().expect("the process is ours");
        }
    }

    /// Sends a signal to the process.
    pub(super) fn signal(&self, process: usize, signal: &str) {
        if let Some(child) = self.process(process).as_ref() {
            send_signal(child, signal);
        }
    }

    /// The pid of the process while it runs.
    pub(super) fn pid(&self, process: usize) -> Option<u32> {
        self.process(process).as_ref().map(Child::id)
    }

    /// A process must not end by itself, whatever is done to what it stands on.
    pub(super) fn assert_alive(&self) {
        for (process, name) in PROCESSES.iter().enumerate() {
            if let Some(child) = self.process(process).as_mut() {
                let ended = child.try_wait().expect("the process is ours");
                assert!(
                    ended.is_none(),
                    "{name} ended by itself: {ended:?}; its log is in {:?}",
                    self.logs
                );
            }
        }
    }

    /// Waits until the API serves.
    pub(super) fn until_ready(&self) {
        let started = Instant::now();
        while std::net::TcpStream::connect(&self.addresses[API]).is_err() {
            self.assert_alive();
            assert!(started.elapsed() < BOUND, "the api does not listen");
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }

    fn process(&self, process: usize) -> MutexGuard<'_, Option<Child>> {
        self.processes[process]
            .lock()
            .expect("nobody panics with a process in hand")
    }
}

impl Drop for World {
    fn drop(&mut self) {
        for process in &mut self.processes {
            if let Some(child) = process.get_mut().ok().and_then(Option::as_mut) {
                // Already gone is as good.
                let _ = child.kill();
                let _ = child.wait();
            }
        }
    }
}

fn settings() -> String {
    format!(
        "rabbitmq_prefix = \"{NAME}\"\nkafka_topic = \"{NAME}\"\nlease = \"{}s\"\ndisk_reserve = \"{}\"\n",
        LEASE.as_secs(),
        Disk::RESERVE,
    )
}

/// An address that nobody listens at.
fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.local_addr().expect("it is bound").to_string()
}
