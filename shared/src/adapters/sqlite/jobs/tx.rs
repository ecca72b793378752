//! What a writing operation works with: the transaction, the statements and the sums of its batch, and the time at its
//! turn.

use std::cell::{Cell, RefCell, RefMut};
use std::ops::{Deref, DerefMut};

use rusqlite::{CachedStatement, Connection, Params};

use super::fault::Fault;
use super::options::JobStoreOptions;
use super::sums::Sums;
use crate::adapters::sqlite::Statements;
use crate::ports::{Clock, JobChange};
use crate::time::Timestamp;

/// One caller's part of a batch. The clocks are read once it has its turn, so a long wait shortens no lease.
pub(super) struct Tx<'a> {
    pub(super) connection: &'a Connection,
    pub(super) wall: Timestamp,
    pub(super) boot_ms: i64,
    pub(super) lease_ms: i64,
    pub(super) retention_ms: i64,
    pub(super) tombstones_ms: i64,
    pub(super) backlog_limit: u64,
    statements: RefCell<Statements<'a>>,
    sums: RefCell<Sums>,
    last_change: Cell<i64>,
}

impl<'a> Tx<'a> {
    pub(super) fn new(
        connection: &'a Connection,
        statements: Statements<'a>,
        sums: Sums,
        clock: &dyn Clock,
        options: &JobStoreOptions,
    ) -> Self {
        Self {
            connection,
            wall: clock.wall(),
            boot_ms: clock.boot_ms(),
            lease_ms: options.lease_ms(),
            retention_ms: options.retention_ms(),
            tombstones_ms: options.tombstones_ms(),
            backlog_limit: options.backlog_limit,
            statements: RefCell::new(statements),
            sums: RefCell::new(sums),
            last_change: Cell::new(0),
        }
    }

    /// The statement, which the batch keeps at hand.
    pub(super) fn statement(&self, sql: &'static str) -> Result<Held<'_, 'a>, Fault> {
        let taken = self.statements.borrow_mut().take(self.connection, sql)?;
        Ok(Held {
            statements: &self.statements,
            sql,
            taken: Some(taken),
        })
    }

    /// Runs a statement; returns how many rows it changed.
    pub(super) fn run(&self, sql: &'static str, params: impl Params) -> Result<usize, Fault> {
        Ok(self.statement(sql)?.execute(params)?)
    }

    /// Tells everybody of a visible change.
    pub(super) fn tell(&self, change: JobChange) -> Result<(), Fault> {
        let number = self.sums().change(self.connection, change)?;
        self.last_change.set(number);
        Ok(())
    }

    /// What the batch adds up.
    pub(super) fn sums(&self) -> RefMut<'_, Sums> {
        self.sums.borrow_mut()
    }

    /// The last change's number, 0 when nothing visible has changed.
    pub(super) fn last_change(&self) -> i64 {
        self.last_change.get()
    }

    /// What the next caller of the batch goes on with.
    pub(super) fn into_parts(self) -> (Statements<'a>, Sums) {
        (self.statements.into_inner(), self.sums.into_inner())
    }
}

/// A statement in use; it goes back to the batch's when it is dropped.
pub(super) struct Held<'t, 'a> {
    statements: &'t RefCell<Statements<'a>>,
    sql: &'static str,
    taken: Option<CachedStatement<'a>>,
}

impl<'a> Deref for Held<'_, 'a> {
    type Target = CachedStatement<'a>;

    fn deref(&self) -> &CachedStatement<'a> {
        self.taken.as_ref().expect("only its drop takes it")
    }
}

impl DerefMut for Held<'_, '_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        self.taken.as_mut().expect("only its drop takes it")
    }
}

impl Drop for Held<'_, '_> {
    fn drop(&mut self) {
        if let Some(taken) = self.taken.take() {
            self.statements.borrow_mut().put(self.sql, taken);
        }
    }
}
