//! What the suite needs of the store that it tests, and the limits that the store is opened with.

use std::sync::Arc;
use std::time::Duration;

use crate::job::WorkerId;
use crate::ports::{
    AcceptStore, AttemptStore, ChangeFeed, DispatchStore, JobControl, JobReader, MailLedger, RescueStore,
    RetentionStore, ScheduleStore,
};
use crate::testing::clock::ManualClock;

/// The lease with which the store under test is opened.
pub const LEASE: Duration = Duration::from_secs(15);
/// Its retention.
pub const RETENTION: Duration = Duration::from_secs(7 * 24 * 3600);
/// How long it remembers removed jobs.
pub const TOMBSTONES: Duration = Duration::from_secs(30 * 24 * 3600);
/// Its limit of jobs that have not ended.
pub const BACKLOG_LIMIT: u64 = 50;

/// A handle of a store that begins empty, as one process has it.
///
/// It is opened with [`LEASE`], [`RETENTION`], [`TOMBSTONES`] and [`BACKLOG_LIMIT`], and knows that other processes write too.
pub trait Fixture: Send + Sync + Sized {
    /// The clock of all processes that have the store open.
    fn clock(&self) -> &ManualClock;
    /// Step 2.
    fn accept(&self) -> Arc<dyn AcceptStore>;
    /// Steps 4 and 7.
    fn attempts(&self) -> Arc<dyn AttemptStore>;
    /// Step 3.
    fn dispatch(&self) -> Arc<dyn DispatchStore>;
    /// What repairs.
    fn rescue(&self) -> Arc<dyn RescueStore>;
    /// What callers change.
    fn control(&self) -> Arc<dyn JobControl>;
    /// What ends.
    fn retention(&self) -> Arc<dyn RetentionStore>;
    /// Who has got which mail.
    fn mails(&self) -> Arc<dyn MailLedger>;
    /// Schedules.
    fn schedules(&self) -> Arc<dyn ScheduleStore>;
    /// Step 8.
    fn reader(&self) -> Arc<dyn JobReader>;
    /// A new feed of the changes from now on.
    fn feed(&self) -> Box<dyn ChangeFeed>;
    /// Another process opens the same store beside this one.
    fn another(&self) -> Self;
    /// The worker's process is killed: what a process leaves that attended and did not stop.
    fn kill(&self, worker: &WorkerId);
    /// The process ends, and the next one opens what it left.
    fn reopen(&mut self);
    /// The host boots anew, and a process opens what was left. The clock is the test's to set.
    fn reopen_under_another_boot(&mut self);
}
