//! Signs of life: leases are extended ahead of all other writes (P9), progress is shown at most once a second.

use std::collections::BTreeSet;

use rusqlite::params;

use super::fault::Fault;
use super::rows::{self, int};
use super::transition;
use super::tx::Tx;
use crate::job::JobState;
use crate::ports::{Heartbeat, HeartbeatOutcome};

/// Progress moves a job's revision at most this often.
const PROGRESS_EVERY_MS: i64 = 1000;

/// One outcome for each beat.
pub(super) fn heartbeat(tx: &Tx<'_>, beats: &[Heartbeat]) -> Result<Vec<HeartbeatOutcome>, Fault> {
    let mut progressed = BTreeSet::new();
    let mut outcomes = Vec::with_capacity(beats.len());
    for beat in beats {
        outcomes.push(beat_one(tx, beat, &mut progressed)?);
    }
    for job in progressed {
        show_progress(tx, job)?;
    }
    Ok(outcomes)
}

fn beat_one(
    tx: &Tx<'_>,
    beat: &Heartbeat,
    progressed: &mut BTreeSet<i64>,
) -> Result<HeartbeatOutcome, Fault> {
    let Some(job) = rows::job_by_id(tx, beat.lease.task.job)? else {
        return Ok(HeartbeatOutcome::Lost);
    };
    let held = tx.run(
        "UPDATE tasks SET lease_until_boot_ms = ?5, published = max(published, ?6)
         WHERE job = ?1 AND no = ?2 AND state = 'leased' AND token = ?3 AND nonce = ?4",
        params![
            job.seq,
            beat.lease.task.task,
            beat.lease.token,
            beat.lease.nonce,
            tx.boot_ms + tx.lease_ms,
            int(beat.published),
        ],
    )?;
    if held == 0 {
        return Ok(HeartbeatOutcome::Lost);
    }
    progressed.insert(job.seq);
    Ok(if job.state == JobState::Cancelling {
        HeartbeatOutcome::Cancelling
    } else {
        HeartbeatOutcome::Held
    })
}

fn show_progress(tx: &Tx<'_>, job: i64) -> Result<(), Fault> {
    let moved = tx.run(
        "UPDATE jobs SET progress_boot_ms = ?2
         WHERE seq = ?1 AND progress_boot_ms <= ?3
           AND published < (SELECT sum(published) FROM tasks WHERE job = ?1)",
        params![job, tx.boot_ms, tx.boot_ms - PROGRESS_EVERY_MS],
    )?;
    if moved > 0 {
        let job = rows::job_by_seq(tx, job)?;
        transition::touch(tx, &job)?;
    }
    Ok(())
}
