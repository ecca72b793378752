//! What clients asked for and what they were told.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use shared::job::{JobId, JobView, ReportRequest};
use shared::ports::PartitionEnd;

#[derive(Default)]
pub(super) struct Ledger(Mutex<BTreeMap<JobId, Entry>>);

/// One job as its client knows it.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// The job whose input it publishes, under whose ids (P11).
    pub(super) root: JobId,
    /// The idempotency key that the request carried.
    pub(super) key: Option<String>,
    pub(super) asked: Asked,
    /// Whether a client was told that it was accepted.
    pub(super) accepted: bool,
    /// Whether a client has asked for its removal.
    pub(super) may_be_gone: bool,
    /// The job as it was first seen ended.
    pub(super) ended: Option<JobView>,
}

#[derive(Clone, Debug)]
pub(super) enum Asked {
    /// The ids under which its events must stand in the log.
    Submit { event_ids: Vec<String> },
    Report {
        request: ReportRequest,
        /// The log's ends when it was asked for: a fresh report includes them.
        ends: Vec<PartitionEnd>,
    },
}

impl Ledger {
    pub(super) fn ask(&self, id: JobId, root: JobId, key: Option<String>, asked: Asked) {
        let entry = Entry {
            root,
            key,
            asked,
            accepted: false,
            may_be_gone: false,
            ended: None,
        };
        self.inside().insert(id, entry);
    }

    pub(super) fn accept(&self, id: JobId) {
        self.inside().entry(id).and_modify(|entry| entry.accepted = true);
    }

    pub(super) fn ask_removal(&self, id: JobId) {
        self.inside()
            .entry(id)
            .and_modify(|entry| entry.may_be_gone = true);
    }

    /// Jobs that a client was told of.
    pub(super) fn accepted(&self) -> Vec<JobId> {
        let inside = self.inside();
        let accepted = inside.iter().filter(|(_, entry)| entry.accepted);
        accepted.map(|(id, _)| *id).collect()
    }

    pub(super) fn get(&self, id: JobId) -> Option<Entry> {
        self.inside().get(&id).cloned()
    }

    pub(super) fn all(&self) -> Vec<(JobId, Entry)> {
        let inside = self.inside();
        inside.iter().map(|(id, entry)| (*id, entry.clone())).collect()
    }

    /// Every job that publishes the input of this root.
    pub(super) fn family(&self, root: JobId) -> Vec<JobId> {
        let inside = self.inside();
        let family = inside.iter().filter(|(_, entry)| entry.root == root);
        family.map(|(id, _)| *id).collect()
    }

    /// Keeps the first sight of an ended job; returns an earlier one.
    pub(super) fn saw_end(&self, job: &JobView) -> Option<JobView> {
        let mut inside = self.inside();
        let entry = inside.get_mut(&job.id)?;
        if entry.ended.is_some() {
            return entry.ended.clone();
        }
        entry.ended = Some(job.clone());
        None
    }

    fn inside(&self) -> MutexGuard<'_, BTreeMap<JobId, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
