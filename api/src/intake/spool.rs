//! Cleaned events become chunks of tasks; a long body is staged while it comes in (P1).

use shared::event::{CleanEvent, Fault, FaultCode};
use shared::job::JobKind;
use shared::ports::{AcceptStore, InputChunk, NewTask, RejectRecord, StoreError, UploadId};
use shared::wire::StoredEvent;
use uuid::Uuid;

use super::FAULTS_MAX;

/// Events of one task: the unit of lease, retry and parallel work.
const TASK_EVENTS: u64 = 10_000;
/// Bytes of one chunk (P1).
const CHUNK_BYTES: usize = 1024 * 1024;
/// Bytes that are held before they are staged; a shorter body is accepted in one transaction.
const HELD_BYTES: usize = 4 * 1024 * 1024;
/// Rejects of one job that are kept.
const REJECTS_MAX: u64 = 100_000;

/// Takes the records of one input, in order, and holds a bounded part of it.
pub(crate) struct Spool<'a> {
    store: &'a dyn AcceptStore,
    upload: Option<UploadId>,
    tasks: Vec<NewTask>,
    open: Option<InputChunk>,
    open_body: Vec<u8>,
    line: Vec<u8>,
    chunks: Vec<InputChunk>,
    rejects: Vec<RejectRecord>,
    held_bytes: usize,
    counts: Counts,
    faults: Vec<Fault>,
}

/// What the input held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) events: u64,
    pub(crate) rejected: u64,
}

/// The input, as far as it is not staged.
pub(crate) struct Spooled {
    pub(crate) upload: Option<UploadId>,
    pub(crate) tasks: Vec<NewTask>,
    pub(crate) chunks: Vec<InputChunk>,
    pub(crate) rejects: Vec<RejectRecord>,
    pub(crate) counts: Counts,
    /// Of the first rejects, for an input that has nothing else.
    pub(crate) faults: Vec<Fault>,
}

/// A part that could not be staged.
pub(crate) type SpoolFault = StoreError;

impl<'a> Spool<'a> {
    pub(crate) fn new(store: &'a dyn AcceptStore) -> Self {
        Self {
            store,
            upload: None,
            tasks: Vec::new(),
            open: None,
            open_body: Vec::new(),
            line: Vec::new(),
            chunks: Vec::new(),
            rejects: Vec::new(),
            held_bytes: 0,
            counts: Counts::default(),
            faults: Vec::new(),
        }
    }

    /// Adds an event; stages when enough is held.
    pub(crate) async fn event(&mut self, ordinal: u64, event: &CleanEvent) -> Result<(), SpoolFault> {
        self.line.clear();
        StoredEvent::write(ordinal, event, &mut self.line);
        let task_full = self.tasks.last().is_none_or(|task| task.events >= TASK_EVENTS);
        if task_full || self.open_body.len() + self.line.len() > CHUNK_BYTES {
            self.seal();
        }
        if task_full {
            self.tasks.push(NewTask {
                queue: JobKind::Submit.queue(),
                events: 0,
            });
        }
        let number = self.tasks.len() - 1;
        let task = u32::try_from(number).expect("a body of bounded bytes has fewer than 2^32 tasks");
        let chunk = self.open.get_or_insert_with(|| InputChunk {
            task,
            first_ordinal: ordinal,
            events: 0,
            body: bytes::Bytes::new(),
        });
        chunk.events += 1;
        self.tasks[number].events += 1;
        self.open_body.extend_from_slice(&self.line);
        self.held_bytes += self.line.len();
        self.counts.events += 1;
        self.stage_if_full().await
    }

    /// Adds a reject; counted always, kept up to a limit.
    pub(crate) async fn reject(&mut self, reject: RejectRecord) -> Result<(), SpoolFault> {
        self.counts.rejected += 1;
        if self.faults.len() < FAULTS_MAX {
            self.faults.push(fault_of(&reject));
        }
        if self.counts.rejected <= REJECTS_MAX {
            self.held_bytes += reject.raw.len() + reject.reason.len() + reject.pointer.len();
            self.rejects.push(reject);
        }
        self.stage_if_full().await
    }

    /// What the job is made of.
    pub(crate) fn finish(mut self) -> Spooled {
        self.seal();
        Spooled {
            upload: self.upload,
            tasks: self.tasks,
            chunks: self.chunks,
            rejects: self.rejects,
            counts: self.counts,
            faults: self.faults,
        }
    }

    /// Where the input was staged so far.
    pub(crate) fn upload(&self) -> Option<UploadId> {
        self.upload
    }

    fn seal(&mut self) {
        if let Some(mut chunk) = self.open.take() {
            chunk.body = std::mem::take(&mut self.open_body).into();
            self.chunks.push(chunk);
        }
    }

    async fn stage_if_full(&mut self) -> Result<(), SpoolFault> {
        if self.held_bytes < HELD_BYTES {
            return Ok(());
        }
        self.seal();
        let upload = *self.upload.get_or_insert_with(|| UploadId(Uuid::now_v7()));
        self.held_bytes = 0;
        self.store
            .stage(
                upload,
                std::mem::take(&mut self.chunks),
                std::mem::take(&mut self.rejects),
            )
            .await
    }
}

fn fault_of(reject: &RejectRecord) -> Fault {
    let code = FaultCode::ALL
        .into_iter()
        .find(|code| code.as_str() == reject.code)
        .expect("a reject's code is one of them");
    let detail = format!("line {}: {}", reject.line, reject.reason);
    Fault {
        pointer: reject.pointer.clone(),
        code,
        detail,
    }
}
