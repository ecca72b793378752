//! `repair-log`: the way back from a log that has diverged (P17). The kept submits are published again, with the same
//! ids, to the log that is there now; then the counts are rebuilt from it.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use shared::config::Config;
use shared::job::{GroupBy, JobFilter, JobId, JobKind, JobState, JobView, Role};
use shared::ports::{
    AttemptStore as _, JobControl as _, JobLookup, JobReader as _, LogStanding as _, NewRetry,
    Projection as _, ReportQuery, RetryOutcome,
};
use shared::wire::TraceContext;
use tokio_util::sync::CancellationToken;

use super::{CommandFault, rebuild};
use crate::app::Host;
use crate::log_gate::{GateFault, LogGate};
use crate::process::shutdown_signal;
use crate::project::{Rebuilder, Stop, checked_positions};

/// Jobs that are listed at a time.
const PAGE: usize = 1_000;
/// How often a job that has not ended is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// How often the progress is told.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// Repairs, or without `yes` says what it would do.
pub(super) async fn repair_log(config: &Config, yes: bool) -> Result<(), CommandFault> {
    let host = Host::open(config)?;
    let shutdown = shutdown_signal()?;
    if !has_diverged(&host).await? {
        return Err(CommandFault::Sound);
    }
    let kept = kept_submits(&host).await?;
    if !yes {
        return Err(CommandFault::Unconfirmed {
            submits: kept.len(),
            events: kept.iter().map(events).sum(),
            counted: counted(&host).await?,
        });
    }
    publish_again(&host, config, kept, &shutdown).await?;
    let projection = Arc::new(host.projection.clone());
    let rebuilder = Rebuilder {
        log: Arc::clone(&host.log),
        projection: Arc::clone(&projection) as _,
        next: projection,
    };
    rebuild::tell(rebuilder.run(&shutdown).await?)
}

/// From what was acknowledged, or from what was counted.
async fn has_diverged(host: &Host) -> Result<bool, CommandFault> {
    let acknowledged = match LogGate::new(&host.ports()).check().await {
        Ok(()) => true,
        Err(GateFault::Diverged { .. }) => false,
        Err(fault) => return Err(fault.into()),
    };
    let counted = match checked_positions(&*host.log, &host.projection).await {
        Ok(_) => true,
        Err(Stop::Diverged(_)) => false,
        Err(stop) => return Err(stop.into()),
    };
    Ok(!(acknowledged && counted))
}

/// One job for each input of which events were, or may have been, acknowledged: of an input and its retries the
/// newest. A job that failed or was cancelled as a whole is not taken up again: its caller knows of that.
async fn kept_submits(host: &Host) -> Result<Vec<JobView>, CommandFault> {
    let filter = JobFilter {
        kinds: vec![JobKind::Submit.as_str().to_owned()],
        states: vec![
            JobState::Running,
            JobState::Succeeded,
            JobState::PartiallySucceeded,
        ],
        ..JobFilter::default()
    };
    let mut kept = Vec::new();
    let mut repeated = HashSet::new();
    let mut before = None;
    loop {
        // Newest first: a retry comes before what it repeats.
        let page = host.store.list(&filter, before, PAGE).await?;
        before = page.jobs.last().map(|job| job.seq);
        for job in page.jobs {
            // One that is under way may still fail.
            if job.state.is_terminal() {
                repeated.extend(job.retry_of);
            }
            if !repeated.contains(&job.id) {
                kept.push(job);
            }
        }
        if !page.more {
            return Ok(kept);
        }
    }
}

fn events(job: &JobView) -> u64 {
    job.progress.received - job.progress.rejected
}

async fn counted(host: &Host) -> Result<u64, CommandFault> {
    let query = ReportQuery {
        group_by: GroupBy::Country,
        from: None,
        to: None,
        topic: host.log.topic().to_owned(),
        generated_at: host.clock.wall(),
    };
    Ok(host.projection.report(query).await?.events)
}

/// Works along as a worker, so that it comes to its end with or without others.
async fn publish_again(
    host: &Host,
    config: &Config,
    kept: Vec<JobView>,
    shutdown: &CancellationToken,
) -> Result<(), CommandFault> {
    let worked = shutdown.child_token();
    let working = tokio::spawn(host.crew(config, vec![Role::UserEvents]).run(worked.clone()));
    let dispatching = tokio::spawn(host.dispatcher().run(worked.clone()));
    let repaired = shutdown
        .run_until_cancelled(repeat(host, kept))
        .await
        .unwrap_or(Err(CommandFault::BrokenOff));
    worked.cancel();
    // Both end by themselves now, or have panicked and said so.
    let _ = tokio::join!(working, dispatching);
    repaired
}

async fn repeat(host: &Host, kept: Vec<JobView>) -> Result<(), CommandFault> {
    let (ended, open): (Vec<_>, Vec<_>) = kept.into_iter().partition(|job| job.state.is_terminal());
    let mut repeats = Vec::new();
    for job in &ended {
        repeats.extend(retry(host, job.id).await?);
    }
    // Only now may anything be published: who breaks off before has lost nothing, and from here on the repeats are
    // jobs like any other.
    host.store.forget_log_marks().await?;
    host.projection.open_gate().await?;
    tracing::info!(jobs = repeats.len(), "kept submits are published again");
    for job in &open {
        // Tasks of it may have ended while the log was there that is gone.
        tracing::info!(job.id = %job.id, "a submit under way is published again after its end");
        if published(await_end(host, job.id).await?) {
            repeats.extend(retry(host, job.id).await?);
        }
    }
    all_published(host, &repeats).await
}

async fn all_published(host: &Host, repeats: &[JobId]) -> Result<(), CommandFault> {
    let mut failed = Vec::new();
    let mut told = Instant::now();
    for (done, id) in repeats.iter().enumerate() {
        if !published(await_end(host, *id).await?) {
            failed.push(*id);
        }
        if told.elapsed() >= TELL_EVERY {
            told = Instant::now();
            let left = repeats.len() - done - 1;
            tracing::info!(jobs_left = left, "kept submits are published again");
        }
    }
    match failed.first() {
        None => Ok(()),
        Some(first) => Err(CommandFault::NotPublished {
            failed: failed.len(),
            first: *first,
        }),
    }
}

/// The repeat of an ended job; none where it was purged in the meantime.
async fn retry(host: &Host, of: JobId) -> Result<Option<JobId>, CommandFault> {
    let repeat = NewRetry {
        of,
        id: JobId::generate(),
        created_at: host.clock.wall(),
        key: None,
        trace: TraceContext::generate(),
    };
    match host.store.retry(repeat).await? {
        RetryOutcome::Made(job) => {
            host.dispatch.nudge(JobKind::Submit.queue());
            Ok(Some(job.id))
        }
        RetryOutcome::KeyKept(_) | RetryOutcome::NotEnded(_) | RetryOutcome::Unknown | RetryOutcome::Gone => {
            tracing::warn!(job.id = %of, "a submit is not kept any more and cannot be published again");
            Ok(None)
        }
    }
}

/// The state in which the job ended; none where it was purged.
async fn await_end(host: &Host, id: JobId) -> Result<Option<JobState>, CommandFault> {
    loop {
        match host.store.job(id, 0).await? {
            JobLookup::Found(job) if !job.state.is_terminal() => tokio::time::sleep(LOOK_EVERY).await,
            JobLookup::Found(job) => return Ok(Some(job.state)),
            JobLookup::Gone | JobLookup::Unknown => return Ok(None),
        }
    }
}

fn published(state: Option<JobState>) -> bool {
    matches!(state, Some(JobState::Succeeded | JobState::PartiallySucceeded))
}
