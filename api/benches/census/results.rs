//! The results of a run and the circumstances under which they were measured; written as JSON.

use std::path::PathBuf;

use serde::Serialize;
use shared::adapters::system::SystemClock;
use shared::ports::Clock as _;

use crate::cases::Case;
use crate::machine::{Machine, load_average};
use crate::plan::Plan;
use crate::product;
use crate::row::Row;

/// What a run has measured.
#[derive(Serialize)]
pub(crate) struct Results {
    began_at: String,
    form: &'static str,
    repetitions: u16,
    log_filter: String,
    machine: Machine,
    cases: Vec<Measured>,
}

/// A case that was measured.
#[derive(Serialize)]
struct Measured {
    case: Case,
    /// Load average of the last minute when it had ended: the benchmark itself, and whatever ran beside it.
    load_average: f64,
    rows: Vec<Judged>,
}

/// A row and what follows from its samples.
#[derive(Serialize)]
struct Judged {
    median: f64,
    smallest: f64,
    largest: f64,
    ratio: Option<f64>,
    met: Option<bool>,
    #[serde(flatten)]
    row: Row,
}

impl Results {
    pub(crate) fn new(plan: &Plan, log_filter: &str) -> Self {
        Self {
            began_at: SystemClock.wall().to_string(),
            form: plan.pick("long", "short"),
            repetitions: plan.repetitions,
            log_filter: log_filter.to_owned(),
            machine: Machine::this(plan.ground.file_system()),
            cases: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, case: Case, rows: Vec<Row>) {
        let judged = |row: Row| Judged {
            median: row.figure.median(),
            smallest: row.figure.smallest(),
            largest: row.figure.largest(),
            ratio: row.ratio(),
            met: row.met(),
            row,
        };
        self.cases.push(Measured {
            case,
            load_average: load_average(),
            rows: rows.into_iter().map(judged).collect(),
        });
    }

    pub(crate) fn rows(&self) -> impl Iterator<Item = &Row> {
        self.cases
            .iter()
            .flat_map(|case| case.rows.iter().map(|judged| &judged.row))
    }

    /// What has to be known to judge the figures, in sentences.
    pub(crate) fn circumstances(&self) -> String {
        format!(
            "Measured at {} in the {} form, median and range of {} repetitions. Client, product and brokers share {}. \
             The processes log at `{}`.",
            self.began_at, self.form, self.repetitions, self.machine, self.log_filter
        )
    }

    /// Writes it, and over what this run wrote before.
    pub(crate) fn write(&self) -> PathBuf {
        let folder = product::target_folder().join("bench");
        let file = folder.join(format!("census-{}.json", self.began_at.replace(':', "-")));
        let text = serde_json::to_string_pretty(self).expect("every member has a form in JSON");
        std::fs::create_dir_all(&folder)
            .and_then(|()| std::fs::write(&file, text))
            .expect("the target folder takes a file");
        file
    }
}
