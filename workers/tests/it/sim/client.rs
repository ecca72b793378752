//! Clients: they ask, ask again where nobody answered, look, cancel, retry and remove. What they are told is compared
//! with what they were told before.

use std::sync::Arc;
use std::time::Duration;

use shared::job::{JobId, JobKind, JobView};
use shared::ports::{
    AcceptStore, Accepted, CancelOutcome, Clock, JobControl, JobLookup, JobReader, NewJob, NewRetry,
    RetryOutcome,
};
use shared::wire::TraceContext;
use uuid::Uuid;

use super::fold::as_of;
use super::ledger::Asked;
use super::process::Process;
use super::world::World;

/// How long a client waits for an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Asks `api` to accept the job; true when a client was told so.
pub(super) async fn submit(world: &Arc<World>, api: &Process, job: NewJob) -> bool {
    let (id, queue) = (job.id, job.tasks[0].queue);
    let asked = tokio::time::timeout(PATIENCE, api.store.accept(job)).await;
    let id = match asked {
        Ok(Ok(Accepted::Made(job))) => job.id,
        Ok(Ok(Accepted::KeyKept(kept))) => kept.job,
        Ok(Err(_)) | Err(_) => {
            world.note(&"client", || {
                format!("does not know whether {id} was accepted: {asked:?}")
            });
            return false;
        }
    };
    api.dispatch.nudge(queue);
    world.note(&"client", || format!("is told that {id} was accepted"));
    world.ledger.accept(id);
    true
}

/// Cancels the job.
pub(super) async fn cancel(world: &Arc<World>, api: &Process, id: JobId) {
    let asked = tokio::time::timeout(PATIENCE, api.store.cancel(id)).await;
    world.note(&"client", || format!("cancels {id}: {asked:?}"));
    let Ok(Ok(outcome)) = asked else { return };
    match outcome {
        CancelOutcome::Cancelled(job) | CancelOutcome::AlreadyEnded(job) => saw(world, &job),
        CancelOutcome::Cancelling(_) | CancelOutcome::Unknown | CancelOutcome::Gone => {}
    }
}

/// Asks for the ended job again, as `number`.
pub(super) async fn retry(world: &Arc<World>, api: &Process, of: JobId, number: u128) {
    let Some(first) = world.ledger.get(of) else { return };
    let id = JobId(Uuid::from_u128(number));
    let (asked, kind) = match first.asked {
        submit @ Asked::Submit { .. } => (submit, JobKind::Submit),
        Asked::Report { request, .. } => {
            let ends = world.log.ends();
            (Asked::Report { request, ends }, JobKind::Report)
        }
    };
    world.ledger.ask(id, first.root, None, asked);
    let retry = NewRetry {
        of,
        id,
        created_at: world.clock.wall(),
        key: None,
        trace: TraceContext::generate(),
    };
    let answer = tokio::time::timeout(PATIENCE, api.store.retry(retry)).await;
    world.note(&"client", || format!("retries {of} as {id}: {answer:?}"));
    if let Ok(Ok(RetryOutcome::Made(_))) = answer {
        api.dispatch.nudge(kind.queue());
        world.ledger.accept(id);
    }
}

/// Removes the job, if it has ended.
pub(super) async fn delete(world: &Arc<World>, api: &Process, id: JobId) {
    world.ledger.ask_removal(id);
    let answer = tokio::time::timeout(PATIENCE, api.store.delete(id)).await;
    world.note(&"client", || format!("removes {id}: {answer:?}"));
}

/// Looks at the job.
pub(super) async fn look(world: &Arc<World>, api: &Process, id: JobId) {
    let ended_before = world.ledger.get(id).is_some_and(|entry| entry.ended.is_some());
    let asked = tokio::time::timeout(PATIENCE, api.store.job(id, 1_000)).await;
    let Ok(Ok(JobLookup::Found(job))) = asked else {
        return;
    };
    if job.state.is_terminal() {
        saw(world, &job);
    } else if ended_before {
        world
            .history
            .violate("P2", || format!("job {id} had ended, and is seen {}", job.state));
    }
}

fn saw(world: &World, job: &JobView) {
    let Some(before) = world.ledger.saw_end(job) else {
        world.note(&"client", || {
            let end = job.report.as_ref().map(as_of);
            format!("sees {} {} {end:?} {:?}", job.id, job.state, job.error)
        });
        return;
    };
    if before != *job {
        world.history.violate("contract 3", || {
            format!("an ended job changed from {before:?} to {job:?}")
        });
    }
}
