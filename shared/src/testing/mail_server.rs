//! A real mail server for tests: `.ci/mail-server`, which treats each recipient as the address says.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Deserialize;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../.ci/mail-server");

/// A server of one test, on a port of its own. It ends with its value.
#[derive(Debug)]
pub struct MailServer {
    ports: Vec<u16>,
    taken: Arc<Mutex<Vec<TakenMail>>>,
    /// Holds the pipe at whose end the server stops, however this process ends.
    script: Child,
}

/// A mail that a server has taken.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct TakenMail {
    /// The sender of the envelope.
    pub from: String,
    /// The recipients of the envelope.
    pub to: Vec<String>,
    /// Headers and bodies.
    pub data: String,
    /// Whether it came over TLS.
    pub tls: bool,
}

impl MailServer {
    /// Starts a server; blocks until it listens, and the first time on a machine until it is fetched.
    ///
    /// # Panics
    /// When it does not start; the script says why on stderr.
    #[must_use]
    pub fn start() -> Self {
        Self::run(&[])
    }

    /// A server that wants TLS and a login, whose authority is `ca.pem` in `folder`.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start_with_tls(folder: &Path) -> Self {
        Self::run(&["--tls".as_ref(), folder])
    }

    fn run(arguments: &[&Path]) -> Self {
        let mut script = Command::new(SCRIPT)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("`.ci/mail-server` can be run");
        let stdout = script.stdout.take().expect("its stdout is a pipe");
        let mut lines = BufReader::new(stdout).lines();
        let ports = lines
            .next()
            .expect("`.ci/mail-server` names its ports")
            .expect("the script writes UTF-8");
        let ports = ports
            .split(' ')
            .map(|port| port.parse().expect("a port is a number"));
        let ports = ports.collect();
        let taken = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&taken);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let mail = serde_json::from_str(&line).expect("each line is a mail");
                kept.lock().unwrap_or_else(PoisonError::into_inner).push(mail);
            }
        });
        Self { ports, taken, script }
    }

    /// Where it listens, for `CENSUS_MAIL_URL`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("smtp://127.0.0.1:{}", self.ports[0])
    }

    /// The host and the port that wants STARTTLS, and those that are TLS from the first byte.
    ///
    /// # Panics
    /// When it was started without TLS.
    #[must_use]
    pub fn tls_hosts(&self) -> [String; 2] {
        [self.ports[0], self.ports[1]].map(|port| format!("localhost:{port}"))
    }

    /// What it has taken so far.
    #[must_use]
    pub fn taken(&self) -> Vec<TakenMail> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        drop(self.script.stdin.take());
        // However it ended, it is gone.
        let _ = self.script.wait();
    }
}

impl TakenMail {
    /// The value of a header, unfolded.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        let head = self.data.split("\r\n\r\n").next().unwrap_or_default();
        let head = head.replace("\r\n ", " ").replace("\r\n\t", " ");
        head.split("\r\n")
            .filter_map(|line| line.split_once(": "))
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.to_owned())
    }
}
