//! What the clients of a storm wrote down: each request before it was sent, each answer after it came.

use std::fs::File;
use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::sync::Mutex;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One line of the file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Line {
    /// Since the storm began.
    pub(super) at_ms: u64,
    pub(super) what: What,
}

/// What happened.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum What {
    /// A client is about to send a request; `op` is its number.
    Asked { op: u64, client: usize, ask: Ask },
    /// Its answer came, whole.
    Answered { op: u64, answer: Answered },
    /// No whole answer came: nobody knows what became of the request.
    Lost { op: u64 },
    /// Something was done to Census or to what it stands on.
    Fault { fault: String },
    /// What the processes used at a moment.
    Used {
        process: String,
        rss_kib: u64,
        descriptors: u64,
    },
    /// Bytes of the stores' write-ahead logs at a moment.
    WriteAhead { bytes: u64 },
    /// The lease token of a task at a moment.
    Token { job: String, task: u32, token: i64 },
}

/// A request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Ask {
    /// Any of the ways to submit.
    Submit {
        path: String,
        key: Option<String>,
        /// Records that are valid, and those that are to be rejected.
        valid: u64,
        rejected: u64,
        /// Ids that the events have in the log, where the client named them.
        named: Vec<String>,
    },
    Report(Box<AskedReport>),
    Poll {
        job: String,
    },
    Cancel {
        job: String,
    },
    Retry {
        job: String,
        key: Option<String>,
    },
    Delete {
        job: String,
    },
    /// All jobs there are.
    List,
}

/// A report as it was asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct AskedReport {
    pub(super) key: Option<String>,
    pub(super) group_by: String,
    pub(super) from: Option<String>,
    pub(super) to: Option<String>,
    pub(super) after: Vec<String>,
    pub(super) fresh: bool,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Answered {
    pub(super) status: u16,
    pub(super) content_type: String,
    pub(super) retry_after: Option<String>,
    /// `null` where there is none, or none in JSON.
    pub(super) body: Value,
}

impl Ask {
    /// The idempotency key of a request that makes a job.
    pub(super) fn key(&self) -> Option<&str> {
        match self {
            Self::Submit { key, .. } | Self::Retry { key, .. } => key.as_deref(),
            Self::Report(report) => report.key.as_deref(),
            Self::Poll { .. } | Self::Cancel { .. } | Self::Delete { .. } | Self::List => None,
        }
    }

    /// Whether its `202` is a job that was made.
    pub(super) fn makes_a_job(&self) -> bool {
        matches!(self, Self::Submit { .. } | Self::Report(_) | Self::Retry { .. })
    }
}

/// Writes the file.
pub(super) struct History {
    started: Instant,
    inside: Mutex<Inside>,
}

struct Inside {
    file: File,
    next_op: u64,
}

impl History {
    pub(super) fn begin(path: &Path) -> Self {
        let file = File::create(path).expect("the folder takes a file");
        Self {
            started: Instant::now(),
            inside: Mutex::new(Inside { file, next_op: 1 }),
        }
    }

    /// Notes a request that is about to be sent; returns its number.
    pub(super) fn asked(&self, client: usize, ask: Ask) -> u64 {
        let mut inside = self.inside.lock().expect("no writer panics");
        let op = inside.next_op;
        inside.next_op += 1;
        self.write(&mut inside, What::Asked { op, client, ask });
        op
    }

    /// Notes anything else.
    pub(super) fn note(&self, what: What) {
        self.write(&mut self.inside.lock().expect("no writer panics"), what);
    }

    fn write(&self, inside: &mut Inside, what: What) {
        let at_ms = u64::try_from(self.started.elapsed().as_millis()).expect("storms are short");
        let mut line = serde_json::to_string(&Line { at_ms, what }).expect("a line is JSON");
        line.push('\n');
        inside.file.write_all(line.as_bytes()).expect("the disk has room");
    }
}

/// Reads a whole file.
pub(super) fn read(path: &Path) -> Vec<Line> {
    let file = BufReader::new(File::open(path).expect("the history is there"));
    file.lines()
        .map(|line| serde_json::from_str(&line.expect("it is text")).expect("each line is one of ours"))
        .collect()
}
