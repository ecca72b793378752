//! Clean events are packed into chunks and tasks (P1, P11): the size of either never shows in an event's id.

use bytes::Bytes;
use shared::event::CleanEvent;
use shared::job::JobKind;
use shared::ports::{InputChunk, NewTask};
use shared::wire::StoredEvent;

/// Events of one task, the last of a job excepted.
const EVENTS_PER_TASK: u64 = 10_000;
/// Bytes of one chunk.
const CHUNK_BYTES: usize = 1024 * 1024;

/// Packs events in the order of their ordinals.
#[derive(Default)]
pub(crate) struct Chunks {
    tasks: Vec<NewTask>,
    body: Vec<u8>,
    first_ordinal: u64,
    events: u32,
}

impl Chunks {
    /// Adds an event; gives a chunk that became full before it.
    pub(crate) fn push(&mut self, ordinal: u64, event: &CleanEvent) -> Option<InputChunk> {
        let start = self.body.len();
        StoredEvent::write(ordinal, event, &mut self.body);
        let task_is_full = self
            .tasks
            .last()
            .is_none_or(|task| task.events == EVENTS_PER_TASK);
        let full = if start > 0 && (task_is_full || self.body.len() > CHUNK_BYTES) {
            // What follows a full chunk is likely to be one: it does not grow step by step.
            let mut next = Vec::with_capacity(CHUNK_BYTES + CHUNK_BYTES / 16);
            next.extend(self.body.drain(start..));
            let full = self.flush();
            self.body = next;
            full
        } else {
            None
        };
        if task_is_full {
            self.tasks.push(NewTask {
                queue: JobKind::Submit.queue(),
                events: 0,
            });
        }
        if self.events == 0 {
            self.first_ordinal = ordinal;
        }
        self.events += 1;
        if let Some(task) = self.tasks.last_mut() {
            task.events += 1;
        }
        full
    }

    /// What is packed and was not given yet.
    pub(crate) fn flush(&mut self) -> Option<InputChunk> {
        let events = std::mem::take(&mut self.events);
        let task = self.tasks.len().checked_sub(1)?;
        (events > 0).then(|| InputChunk {
            task: u32::try_from(task).expect("a stream of 4 GiB has far fewer tasks than 2^32"),
            first_ordinal: self.first_ordinal,
            events,
            body: Bytes::from(std::mem::take(&mut self.body)),
        })
    }

    /// The tasks of all events so far.
    pub(crate) fn into_tasks(self) -> Vec<NewTask> {
        self.tasks
    }
}
