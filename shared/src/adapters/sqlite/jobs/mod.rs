//! The job store in one SQLite file: every job, task, attempt and lease. It alone says what state a job is in.

mod accept;
mod attempt;
mod changes;
mod claim;
mod control;
mod dispatch;
mod epoch;
mod fault;
mod finish;
mod health;
mod heartbeat;
mod keys;
mod lapse;
mod ledger;
mod list;
mod mail;
#[cfg(feature = "testing")]
mod memory;
mod options;
mod parked;
mod presence;
mod read;
mod removal;
mod report;
mod rescue;
mod retry;
mod room;
mod rows;
mod schedules;
mod schema;
mod staging;
mod sums;
#[cfg(test)]
mod tests;
mod transition;
mod tx;

use std::mem;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::Connection;
use tokio::sync::watch;

pub use changes::JobChanges;
pub use fault::JobStoreError;
pub use options::JobStoreOptions;

use self::fault::Fault;
use self::health::Condition;
use self::presence::Presence;
use self::room::{Admitted, Room, spare_bytes};
use self::sums::Sums;
use self::tx::Tx;
use crate::adapters::sqlite::turn_watch::TurnWatch;
use crate::adapters::sqlite::{Reader, Write, Writer};
use crate::ports::{Clock, StoreError};

/// The job store. Cheap to clone; all clones share one writer.
#[derive(Clone)]
pub struct JobStore {
    shared: Arc<Shared>,
}

struct Shared {
    /// The store's file, where other processes write it too.
    file: Option<PathBuf>,
    room: Room,
    presence: Arc<Presence>,
    writer: Writer<Sums>,
    reader: Reader,
    feeds: Reader,
    clock: Arc<dyn Clock>,
    options: Arc<JobStoreOptions>,
    epoch: u64,
    /// P5: sent and unclaimed tasks of one queue.
    window: u64,
    committed: watch::Sender<i64>,
    condition: Condition,
}

impl JobStore {
    /// Opens or makes the store; the first open under another boot id raises its epoch (P2).
    ///
    /// # Errors
    /// [`JobStoreError`] says what an operator can do.
    pub fn open(path: &Path, clock: Arc<dyn Clock>, options: JobStoreOptions) -> Result<Self, JobStoreError> {
        let writer = Writer::open(path, schema::SCHEMA)?;
        let opened = epoch::keep(path, &options.boot_id, &*clock)?;
        let presence = Presence::beside(path);
        if opened.raised {
            // P13: who was here under another boot was not killed by its task.
            presence.forget(&[]).map_err(JobStoreError::Presence)?;
        }
        let reader = Reader::open(path, options.readers.max(1))?;
        let feeds = Reader::open(path, 1)?;
        let condition = Condition::up(clock.wall());
        Ok(Self {
            shared: Arc::new(Shared {
                file: options.shared.then(|| path.to_owned()),
                room: Room::new(folder_of(path), options.disk_reserve_bytes),
                presence: Arc::new(presence),
                writer,
                reader,
                feeds,
                clock,
                options: Arc::new(options),
                epoch: opened.epoch,
                window: dispatch::WINDOW,
                committed: watch::Sender::new(opened.last_change),
                condition,
            }),
        })
    }

    /// A feed of all changes from now on. A process needs one, and makes it within its runtime.
    #[must_use]
    pub fn changes(&self) -> JobChanges {
        let file = self.shared.file.as_deref();
        JobChanges::new(
            self.shared.feeds.clone(),
            self.shared.committed.subscribe(),
            file.map(TurnWatch::beside),
        )
    }

    fn clock(&self) -> &dyn Clock {
        self.shared.clock.as_ref()
    }

    fn kept_epoch(&self) -> u64 {
        self.shared.epoch
    }

    fn window(&self) -> u64 {
        self.shared.window
    }

    fn condition(&self) -> &Condition {
        &self.shared.condition
    }

    fn presence(&self) -> &Arc<Presence> {
        &self.shared.presence
    }

    /// P4: admits a body of so many bytes. What is free within the file is looked up only where the disk is short.
    async fn admit(&self, bytes: usize) -> Result<Admitted<'_>, StoreError> {
        let room = &self.shared.room;
        match room.admit(bytes, 0) {
            Ok(admitted) => Ok(admitted),
            Err(_) => room.admit(bytes, self.read("spare_bytes", spare_bytes).await?),
        }
    }

    async fn write<T, F>(&self, how: Write, act: F) -> Result<T, StoreError>
    where
        F: Fn(&Tx<'_>) -> Result<T, Fault> + Send + 'static,
        T: Send + 'static,
    {
        // The writer must not hold the store: the thread ends when the last handle is gone.
        let clock = Arc::clone(&self.shared.clock);
        let options = Arc::clone(&self.shared.options);
        let written = self
            .shared
            .writer
            .write_noting(how, move |connection, statements, sums| {
                // A panic loses both: the batch sees that it has noted less, and all of it is run again.
                let (at_hand, so_far) = (mem::take(statements), mem::take(sums));
                let tx = Tx::new(connection, at_hand, so_far, clock.as_ref(), &options);
                let value = act(&tx);
                let change = tx.last_change();
                (*statements, *sums) = tx.into_parts();
                Ok::<_, Fault>((value?, change))
            })
            .await;
        self.shared.condition.note(&written, self.clock().wall());
        let (value, change) = written.map_err(|fault| fault.classify(how.operation))?;
        self.shared
            .committed
            .send_if_modified(|last| mem::replace(last, change.max(*last)) < change);
        Ok(value)
    }

    async fn read<T, F>(&self, operation: &'static str, read: F) -> Result<T, StoreError>
    where
        F: FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
        T: Send + 'static,
    {
        self.shared
            .reader
            .read(read)
            .await
            .map_err(|fault| fault.classify(operation))
    }
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        Some(_) | None => PathBuf::from("."),
    }
}
