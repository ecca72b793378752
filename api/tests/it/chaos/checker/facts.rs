//! A history in the order in which the rules look at it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::chaos::history::{Answered, Ask, Line, What};
use crate::truth::Log;

/// What is known.
pub(super) struct Facts<'h> {
    pub(super) lines: &'h [Line],
    pub(super) log: &'h Log,
    /// Every request, in order.
    pub(super) requests: Vec<Request<'h>>,
    /// Jobs whose acceptance somebody saw.
    pub(super) made: BTreeMap<&'h str, Made<'h>>,
    /// Every time somebody saw a job, in order.
    pub(super) sightings: BTreeMap<&'h str, Vec<Sighting<'h>>>,
    /// Jobs that somebody asked to remove, and the line of the first request.
    pub(super) removed: BTreeMap<&'h str, usize>,
    /// Where each event's first record is: partition and offset.
    pub(super) first: BTreeMap<&'h str, (i32, i64)>,
    ordinals: BTreeMap<&'h str, Vec<&'h str>>,
}

/// A request and what came of it.
pub(super) struct Request<'h> {
    pub(super) ask: &'h Ask,
    /// Its line, and that of its answer.
    pub(super) asked_at: usize,
    pub(super) answer: Option<(usize, &'h Answered)>,
}

/// A job that was answered `202`.
pub(super) struct Made<'h> {
    pub(super) ask: &'h Ask,
    /// The line of the first request that can have made it.
    pub(super) asked_at: usize,
}

/// A job as an answer showed it.
pub(super) struct Sighting<'h> {
    pub(super) asked_at: usize,
    pub(super) seen_at: usize,
    pub(super) body: &'h Value,
}

const ENDS: [&str; 4] = ["succeeded", "partially_succeeded", "failed", "cancelled"];

impl<'h> Facts<'h> {
    pub(super) fn of(lines: &'h [Line], log: &'h Log) -> Self {
        let mut facts = Self {
            lines,
            log,
            requests: requests(lines),
            made: BTreeMap::new(),
            sightings: BTreeMap::new(),
            removed: BTreeMap::new(),
            first: BTreeMap::new(),
            ordinals: BTreeMap::new(),
        };
        facts.note_jobs();
        facts.note_log(log);
        facts
    }

    fn note_log(&mut self, log: &'h Log) {
        for (partition, entries) in &log.0 {
            for entry in entries {
                let Some(event) = &entry.event else { continue };
                self.first.entry(&event.id).or_insert((*partition, entry.offset));
            }
        }
        for id in self.first.keys() {
            if let Some((root, _)) = ordinal(id) {
                self.ordinals.entry(root).or_default().push(id);
            }
        }
    }

    fn note_jobs(&mut self) {
        let mut first_asked: BTreeMap<&str, usize> = BTreeMap::new();
        for request in &self.requests {
            if let Some(key) = request.ask.key() {
                first_asked.entry(key).or_insert(request.asked_at);
            }
            if let Ask::Delete { job } = request.ask {
                self.removed.entry(job).or_insert(request.asked_at);
            }
            let Some((seen_at, answer)) = request.answer else {
                continue;
            };
            let body = &answer.body;
            let (Some(id), true) = (body["id"].as_str(), body["revision"].is_u64()) else {
                continue;
            };
            let (asked_at, ask) = (request.asked_at, request.ask);
            self.sightings.entry(id).or_default().push(Sighting {
                asked_at,
                seen_at,
                body,
            });
            if ask.makes_a_job() && answer.status == 202 {
                let asked_at = ask.key().map_or(asked_at, |key| first_asked[key]);
                self.made.entry(id).or_insert(Made { ask, asked_at });
            }
        }
    }

    /// The job as it was seen last.
    pub(super) fn last(&self, id: &str) -> Option<&'h Value> {
        let sightings = self.sightings.get(id)?;
        let last = sightings.iter().max_by_key(|seen| revision(seen.body))?;
        Some(last.body)
    }

    /// The job whose input this one publishes, as far as it is known (P11).
    pub(super) fn root(&self, id: &'h str) -> &'h str {
        match self.made.get(id).map(|made| made.ask) {
            Some(Ask::Retry { job, .. }) => self.root(job),
            _ => id,
        }
    }

    /// The request that made the root of this job, if it was a submit.
    pub(super) fn submitted(&self, id: &'h str) -> Option<&'h Ask> {
        let ask = self.made.get(self.root(id))?.ask;
        matches!(ask, Ask::Submit { .. }).then_some(ask)
    }

    /// The request for the report, through retries, if it was one.
    pub(super) fn reported(&self, id: &'h str) -> Option<&'h crate::chaos::history::AskedReport> {
        match self.made.get(self.root(id))?.ask {
            Ask::Report(report) => Some(report),
            _ => None,
        }
    }

    /// Ids in the log that are of this root job's ordinals.
    pub(super) fn ordinals(&self, root: &str) -> &[&'h str] {
        self.ordinals.get(root).map_or(&[], Vec::as_slice)
    }

    /// Requests that may have made a job though nobody saw its acceptance.
    pub(super) fn open_requests(&self) -> usize {
        let mut open_keys = BTreeSet::new();
        let mut answered_keys = BTreeSet::new();
        let mut open = 0;
        for request in self.requests.iter().filter(|request| request.ask.makes_a_job()) {
            let status = request.answer.map(|(_, answer)| answer.status);
            match (request.ask.key(), status) {
                (Some(key), Some(202)) => drop(answered_keys.insert(key)),
                (Some(key), Some(500..) | None) => drop(open_keys.insert(key)),
                (None, Some(500..) | None) => open += 1,
                (Some(_) | None, Some(_)) => {}
            }
        }
        open + open_keys.difference(&answered_keys).count()
    }
}

fn requests(lines: &[Line]) -> Vec<Request<'_>> {
    let mut requests = Vec::new();
    let mut place_of = BTreeMap::new();
    for (at, line) in lines.iter().enumerate() {
        match &line.what {
            What::Asked { op, client: _, ask } => {
                place_of.insert(op, requests.len());
                requests.push(Request {
                    ask,
                    asked_at: at,
                    answer: None,
                });
            }
            What::Answered { op, answer } => {
                let request: &mut Request<'_> = &mut requests[place_of[op]];
                request.answer = Some((at, answer));
            }
            What::Lost { .. }
            | What::Fault { .. }
            | What::Used { .. }
            | What::WriteAhead { .. }
            | What::Token { .. } => {}
        }
    }
    requests
}

/// The root job and the ordinal in the id of an event whose client gave it none (P11).
pub(super) fn ordinal(id: &str) -> Option<(&str, &str)> {
    id.strip_prefix("j:")?.split_once('/')
}

pub(super) fn revision(job: &Value) -> u64 {
    job["revision"].as_u64().unwrap_or(0)
}

pub(super) fn state(job: &Value) -> &str {
    job["state"].as_str().unwrap_or("")
}

pub(super) fn has_ended(job: &Value) -> bool {
    ENDS.contains(&state(job))
}

/// Whether its events took effect.
pub(super) fn has_succeeded(job: &Value) -> bool {
    matches!(state(job), "succeeded" | "partially_succeeded")
}
