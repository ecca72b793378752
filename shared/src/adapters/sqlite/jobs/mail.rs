//! The mail of a report: a task that joins its job when the report is made, and the recipients who have got it.

use async_trait::async_trait;
use rusqlite::params;

use super::fault::Fault;
use super::rows::{self, JobRow};
use super::transition;
use super::tx::Tx;
use super::{JobStore, accept};
use crate::adapters::sqlite::Write;
use crate::job::{JobId, JobRequest, Lease, QueueName, ReportRequest};
use crate::mail::MailAddress;
use crate::ports::{MailLedger, StoreError};

#[async_trait]
impl MailLedger for JobStore {
    async fn mailed(&self, root: JobId) -> Result<Vec<MailAddress>, StoreError> {
        self.read("mailed", move |connection| {
            let mut statement = connection
                .prepare_cached("SELECT recipient FROM mailed WHERE root = ?1 ORDER BY recipient")?;
            let mut found = statement.query([root.as_bytes()])?;
            let mut mailed = Vec::new();
            while let Some(row) = found.next()? {
                let address: String = row.get(0)?;
                // What is left out of an error here: an address is nobody's business in a log.
                let address = address.parse().map_err(|fault| Fault::corrupt("mailed", fault))?;
                mailed.push(address);
            }
            Ok(mailed)
        })
        .await
    }

    async fn note_mailed(&self, lease: Lease, recipients: Vec<MailAddress>) -> Result<bool, StoreError> {
        // Flushed: what a server has taken must not be sent again after a failure of power.
        self.write(Write::flushed("note_mailed"), move |tx| {
            note(tx, lease, &recipients)
        })
        .await
    }
}

fn note(tx: &Tx<'_>, lease: Lease, recipients: &[MailAddress]) -> Result<bool, Fault> {
    let held: bool = tx
        .statement(
            "SELECT EXISTS (SELECT 1 FROM tasks WHERE job = (SELECT seq FROM jobs WHERE id = ?1) AND no = ?2
                            AND state = 'leased' AND token = ?3 AND nonce = ?4)",
        )?
        .query_row(
            params![
                lease.task.job.as_bytes(),
                lease.task.task,
                lease.token,
                lease.nonce
            ],
            |row| row.get(0),
        )?;
    // No fence: that a server has taken the mail stays true, whoever holds the task by now.
    for recipient in recipients {
        tx.run(
            "INSERT OR IGNORE INTO mailed (root, recipient) SELECT root, ?2 FROM jobs WHERE id = ?1",
            params![lease.task.job.as_bytes(), recipient.as_str()],
        )?;
    }
    Ok(held)
}

/// Adds the task that mails the report which this transaction writes, where its request wants one (P7: before the
/// task that counted is taken off the open ones).
pub(super) fn follow(tx: &Tx<'_>, job: &mut JobRow, woke: &mut Vec<QueueName>) -> Result<(), Fault> {
    let request: String = tx
        .statement("SELECT request FROM jobs WHERE seq = ?1")?
        .query_row([job.seq], |row| row.get(0))?;
    let request: JobRequest = rows::json("jobs.request", &request)?;
    if !matches!(&request, JobRequest::Report(report) if report.is_mailed()) {
        return Ok(());
    }
    let queue = request.kind().queue();
    // The report may have waited long: its mail has a deadline of its own.
    let deadline = accept::Deadline::of(tx, &request, tx.wall);
    tx.run(
        "INSERT INTO tasks (job, no, queue, state, standing, at_boot_ms, events, deadline_ms, deadline_boot_ms)
         VALUES (?1, ?2, ?3, 'queued', 'unsent', ?4, 0, ?5, ?6)",
        params![
            job.seq,
            ReportRequest::MAIL_TASK,
            queue.as_str(),
            tx.boot_ms,
            deadline.wall_ms,
            deadline.boot_ms,
        ],
    )?;
    job.open_tasks += 1;
    transition::wake_queue(woke, queue);
    Ok(())
}
