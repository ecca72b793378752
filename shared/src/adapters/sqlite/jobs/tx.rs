//! What a writing operation works with: the transaction, the sums of its batch, and the time at its turn.

use std::cell::{Cell, RefCell, RefMut};

use rusqlite::{CachedStatement, Connection, Params};

use super::fault::Fault;
use super::options::JobStoreOptions;
use super::sums::Sums;
use crate::ports::Clock;
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
    sums: RefCell<&'a mut Sums>,
    change: Cell<i64>,
}

impl<'a> Tx<'a> {
    pub(super) fn new(
        connection: &'a Connection,
        sums: &'a mut Sums,
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
            sums: RefCell::new(sums),
            change: Cell::new(0),
        }
    }

    pub(super) fn statement(&self, sql: &str) -> Result<CachedStatement<'a>, Fault> {
        Ok(self.connection.prepare_cached(sql)?)
    }

    /// Runs a cached statement; returns how many rows it changed.
    pub(super) fn run(&self, sql: &str, params: impl Params) -> Result<usize, Fault> {
        Ok(self.statement(sql)?.execute(params)?)
    }

    /// The number of the next visible change.
    pub(super) fn next_change(&self) -> Result<i64, Fault> {
        let number = self.sums().next_change(self.connection)?;
        self.change.set(number);
        Ok(number)
    }

    /// What the batch adds up.
    pub(super) fn sums(&self) -> RefMut<'_, &'a mut Sums> {
        self.sums.borrow_mut()
    }

    /// The last change's number, 0 when nothing visible has changed.
    pub(super) fn last_change(&self) -> i64 {
        self.change.get()
    }
}
