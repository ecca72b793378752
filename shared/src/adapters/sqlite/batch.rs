//! The writer's thread: one batch after the other, each one transaction in which a bad caller fails alone.

use std::error::Error as StdError;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Instant;

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::file::File;
use super::lanes::Lanes;
use super::notes::Notes;
use super::statements::Statements;
use super::turnstile::Turnstile;
use super::writer::{Write, WriteError};
use crate::faults;
use crate::mutant::{self, Mutant};

/// Callers in one transaction: enough to share a flush among all that wait, few enough to keep the turn short.
const BATCH_MAX: usize = 1_000;

/// The thread's own state.
pub(super) struct Thread<N> {
    file: File,
    turnstile: Turnstile,
    lanes: Arc<Lanes<N>>,
}

impl<N: Notes> Thread<N> {
    pub(super) fn new(file: File, turnstile: Turnstile, lanes: Arc<Lanes<N>>) -> Self {
        Self {
            file,
            turnstile,
            lanes,
        }
    }

    /// Commits batches until the lanes are closed and empty.
    pub(super) fn run(mut self) {
        while self.lanes.wait() {
            let turn_wanted = Instant::now();
            let turn = match self.turnstile.take() {
                Ok(turn) => turn,
                Err(source) => {
                    tracing::error!(
                        error = &source as &dyn StdError,
                        "the writer's lock cannot be taken"
                    );
                    fail(self.lanes.take(BATCH_MAX), &(Arc::new(source) as _));
                    continue;
                }
            };
            metrics::histogram!("census_store_turn_wait_seconds").record(turn_wanted.elapsed());
            // Taken only now: whatever arrived during the wait shares the flush.
            let batch = self
                .lanes
                .take(BATCH_MAX)
                .into_iter()
                .filter(|work| work.begin())
                .collect();
            let Done { news, answers } = commit(&mut self.file, batch);
            turn.end(news);
            answers();
        }
    }
}

/// What is left to do for a batch that was committed, or was not.
struct Done {
    /// Whether it may have written what others wait to hear of: its callers have noted something.
    news: bool,
    /// Answers its callers, after the turn was given up.
    answers: Box<dyn FnOnce()>,
}

impl Done {
    fn nothing(answers: impl FnOnce() + 'static) -> Self {
        Self {
            news: false,
            answers: Box::new(answers),
        }
    }
}

/// Runs and commits one batch.
fn commit<N: Notes>(file: &mut File, mut batch: Vec<Box<dyn Work<N>>>) -> Done {
    if batch.is_empty() {
        return Done::nothing(|| {});
    }
    let started = Instant::now();
    let flush = batch.iter().any(|work| work.how().flushed);
    let connection = match file.begin(flush) {
        Ok(connection) => connection,
        Err(source) => {
            let source = Arc::new(source) as Arc<dyn StdError + Send + Sync>;
            return Done::nothing(move || fail(batch, &source));
        }
    };
    let ran = run_all(connection, &mut batch);
    faults::before_commit(operations(&batch));
    let news = matches!(ran, Ok(true));
    let committed = ran.and_then(|_| connection.prepare_cached("COMMIT")?.execute([]).map(drop));
    metrics::histogram!("census_store_commit_seconds", "flushed" => if flush { "true" } else { "false" })
        .record(started.elapsed());
    metrics::histogram!("census_store_batch_size").record(u32::try_from(batch.len()).unwrap_or(u32::MAX));
    let committed = committed.map_err(unknown);
    if committed.is_err() {
        file.give_up();
    }
    let answers = Box::new(move || {
        if committed.is_ok() {
            faults::after_commit(operations(&batch));
        }
        answer_all(batch, &committed);
    });
    Done { news, answers }
}

/// P3: whether the commit reached the disk is unknown.
pub(super) fn unknown(source: rusqlite::Error) -> WriteError {
    tracing::error!(
        error = &source as &dyn StdError,
        "a commit failed and its outcome is unknown"
    );
    WriteError::OutcomeUnknown(Arc::new(source))
}

/// Tells every caller, once the outcome of the commit is known.
pub(super) fn answer_all<N>(batch: Vec<Box<dyn Work<N>>>, committed: &Result<(), WriteError>) {
    for work in batch {
        if mutant::on(Mutant::AnswerBeforeCommit) {
            work.answer(&Ok(()));
        } else {
            work.answer(committed);
        }
    }
}

fn operations<N>(batch: &[Box<dyn Work<N>>]) -> impl Iterator<Item = &'static str> {
    batch.iter().map(|work| work.how().operation)
}

/// P2: a bad caller fails alone. A savepoint for each costs a third of the batch, and hardly any is ever needed: who
/// refuses has mostly written nothing. So all run without; if one leaves something behind, all begin anew with them. What
/// SQLite counts as left behind are rows: who makes or drops tables writes a row first. Returns whether anything was noted.
fn run_all<N: Notes>(connection: &Connection, batch: &mut [Box<dyn Work<N>>]) -> rusqlite::Result<bool> {
    let mut notes = N::default();
    let mut statements = Statements::default();
    for work in batch.iter_mut() {
        let before = (connection.total_changes(), notes.count());
        let keep = work.run(connection, &mut statements, &mut notes);
        if connection.is_autocommit() {
            // A disk that is full, or broken, makes SQLite roll back by itself.
            return Err(rusqlite::Error::SqliteFailure(
                rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_ABORT),
                Some("SQLite gave up the transaction".to_owned()),
            ));
        }
        if !keep && (connection.total_changes(), notes.count()) != before {
            connection.prepare_cached("ROLLBACK")?.execute([])?;
            connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
            notes = N::default();
            for work in batch.iter_mut() {
                run_alone(connection, work.as_mut(), &mut statements, &mut notes)?;
            }
            break;
        }
    }
    notes.write(connection)?;
    Ok(notes.count() > 0)
}

/// Runs one caller's work in a savepoint of its own.
pub(super) fn run_alone<'c, N: Notes>(
    connection: &'c Connection,
    work: &mut dyn Work<N>,
    statements: &mut Statements<'c>,
    notes: &mut N,
) -> rusqlite::Result<()> {
    let before = notes.clone();
    connection.prepare_cached("SAVEPOINT caller")?.execute([])?;
    if !work.run(connection, statements, notes) {
        connection.prepare_cached("ROLLBACK TO caller")?.execute([])?;
        *notes = before;
    }
    connection.prepare_cached("RELEASE caller")?.execute([]).map(drop)
}

fn fail<N>(batch: Vec<Box<dyn Work<N>>>, source: &Arc<dyn StdError + Send + Sync>) {
    for work in batch {
        work.answer(&Err(WriteError::Failed(Arc::clone(source))));
    }
}

/// One caller's write as the thread sees it.
pub(super) trait Work<N>: Send {
    /// How it is to be treated.
    fn how(&self) -> Write;
    /// False when its caller has withdrawn it.
    fn begin(&self) -> bool;
    /// Runs the closure, maybe for the second time; false when what it wrote must be undone.
    fn run<'c>(&mut self, connection: &'c Connection, statements: &mut Statements<'c>, notes: &mut N)
    -> bool;
    /// Tells the caller, once the commit's outcome is known.
    fn answer(self: Box<Self>, committed: &Result<(), WriteError>);
}

/// Decides between the caller who withdraws and the thread that begins.
#[derive(Clone)]
pub(super) struct Ticket(Arc<AtomicU8>);

const WAITING: u8 = 0;
const BEGUN: u8 = 1;
const WITHDRAWN: u8 = 2;

impl Ticket {
    pub(super) fn new() -> Self {
        Self(Arc::new(AtomicU8::new(WAITING)))
    }

    /// True when the write will never run.
    pub(super) fn withdraw(&self) -> bool {
        self.leave_waiting(WITHDRAWN)
    }

    fn leave_waiting(&self, to: u8) -> bool {
        self.0
            .compare_exchange(WAITING, to, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }
}

/// A [`Work`] of any closure.
pub(super) struct Request<T, E, F> {
    how: Write,
    ticket: Ticket,
    write: F,
    result: Option<Result<T, E>>,
    answer: oneshot::Sender<Result<T, E>>,
}

impl<T, E, F> Request<T, E, F> {
    pub(super) fn new(how: Write, ticket: Ticket, write: F, answer: oneshot::Sender<Result<T, E>>) -> Self {
        Self {
            how,
            ticket,
            write,
            result: None,
            answer,
        }
    }
}

impl<T, E, F, N> Work<N> for Request<T, E, F>
where
    F: for<'c> Fn(&'c Connection, &mut Statements<'c>, &mut N) -> Result<T, E> + Send,
    T: Send,
    E: From<WriteError> + Send,
{
    fn how(&self) -> Write {
        self.how
    }

    fn begin(&self) -> bool {
        self.ticket.leave_waiting(BEGUN)
    }

    fn run<'c>(
        &mut self,
        connection: &'c Connection,
        statements: &mut Statements<'c>,
        notes: &mut N,
    ) -> bool {
        let written = catch_unwind(AssertUnwindSafe(|| (self.write)(connection, statements, notes)));
        let Ok(result) = written else {
            tracing::error!(operation = self.how.operation, "a write panicked and was undone");
            self.result = None;
            return false;
        };
        let keep = result.is_ok();
        self.result = Some(result);
        keep
    }

    fn answer(self: Box<Self>, committed: &Result<(), WriteError>) {
        let result = match (self.result, committed) {
            (Some(Err(own)), _) => Err(own),
            (Some(Ok(value)), Ok(())) => Ok(value),
            (None, Ok(())) => Err(WriteError::BrokenOff.into()),
            (Some(Ok(_)) | None, Err(error)) => Err(error.duplicate().into()),
        };
        // The caller may have gone; the write stands all the same.
        let _ = self.answer.send(result);
    }
}
