//! After the healing: every job has ended, the counts are those of the log, and every report kept its promise.

use std::collections::{BTreeMap, BTreeSet};

use shared::job::{JobError, JobId, JobState, JobView, ReportRequest};
use shared::ports::{LogEntry, PartitionEnd};
use shared::wire::UserEventRecord;

use super::fold::{Counts, as_of, counts_of, fold};
use super::ledger::Asked;
use super::world::World;

/// Checks the world after the last job has ended and was looked at.
pub(super) fn check_world(world: &World) {
    let World {
        ledger,
        states,
        history,
        ..
    } = world;
    let mut jobs_by_key = BTreeMap::new();
    for (id, state) in states.jobs() {
        let entry = ledger.get(id);
        if entry.as_ref().is_none_or(|entry| entry.ended.is_none()) {
            history.violate("design 4", || {
                format!("job {id} is {state}, and nobody sees it ended")
            });
        }
        let key = entry.and_then(|entry| entry.key);
        if let Some(other) = key.and_then(|key| jobs_by_key.insert(key, id)) {
            history.violate("contract 3", || format!("one key made the jobs {other} and {id}"));
        }
    }
    for (id, entry) in ledger.all() {
        match entry.ended {
            Some(job) => check_job(world, &job),
            None if entry.accepted && !entry.may_be_gone => {
                history.violate("P1", || format!("the accepted job {id} is not there"));
            }
            None => {}
        }
    }
}

/// Checks one job as it was seen ended.
fn check_job(world: &World, job: &JobView) {
    match world.ledger.get(job.id).map(|entry| entry.asked) {
        Some(Asked::Submit { event_ids }) => check_submit(world, job, &event_ids),
        Some(Asked::Report { request, ends }) => check_report(world, job, &request, &ends),
        None => world
            .history
            .violate("P1", || format!("nobody asked for job {}", job.id)),
    }
}

fn check_submit(world: &World, job: &JobView, event_ids: &[String]) {
    let logged = ids(&world.log.before(&world.log.ends()));
    match job.state {
        JobState::Succeeded => {
            let missing: Vec<_> = event_ids.iter().filter(|id| !logged.contains(*id)).collect();
            if !missing.is_empty() {
                world.history.violate("design 4", || {
                    format!("job {} succeeded, and the log lacks {missing:?}", job.id)
                });
            }
        }
        JobState::Cancelled => {
            let root = world.ledger.get(job.id).map_or(job.id, |entry| entry.root);
            let own = format!("j:{root}/");
            let published = logged.iter().any(|id| id.starts_with(&own));
            let mut family = world.ledger.family(root).into_iter();
            if published && !family.any(|id| world.states.was_ever_leased(id)) {
                world.history.violate("P14", || {
                    format!("job {} was never leased, and the log holds events of it", job.id)
                });
            }
        }
        JobState::Failed | JobState::PartiallySucceeded if is_lost(world, job) => {}
        other => world.history.violate("design 4", || {
            format!("submit {} ended {other}: {:?}", job.id, job.error)
        }),
    }
}

fn check_report(world: &World, job: &JobView, request: &ReportRequest, ends: &[PartitionEnd]) {
    match (job.state, &job.report) {
        (JobState::Succeeded, Some(report)) => {
            let as_of = as_of(report);
            check_counts(world, job.id, request, &as_of, &counts_of(report));
            if request.needs_bound() {
                check_includes(world, job.id, ends, &as_of);
            }
            check_awaited(world, job.id, &request.after, &as_of);
        }
        (JobState::Cancelled, None) => {}
        (JobState::Failed, None) if is_late(world, job, request) || is_lost(world, job) => {}
        (other, report) => world.history.violate("design 7", || {
            format!("report {} ended {other} with {report:?}: {:?}", job.id, job.error)
        }),
    }
}

/// P13: too many processes vanished with it.
fn is_lost(world: &World, job: &JobView) -> bool {
    let lost = job
        .error
        .as_ref()
        .is_some_and(|error| error.code == JobError::WORKER_LOST);
    lost && world.states.has_killed(job.id)
}

/// P8: under another boot the wall clock says what remains of a deadline, also where it is put back later.
fn is_late(world: &World, job: &JobView, request: &ReportRequest) -> bool {
    let late = job
        .error
        .as_ref()
        .is_some_and(|error| error.code == JobError::NOT_CAUGHT_UP);
    let deadline = job.created_at.plus_millis(i64::from(request.deadline_s) * 1000);
    let ended_after = job.ended_at.is_some_and(|ended| ended >= deadline);
    late && (ended_after || world.clock.has_booted_after(deadline))
}

/// Applied events are the distinct events of the log up to here, each once.
fn check_counts(world: &World, id: JobId, request: &ReportRequest, as_of: &[PartitionEnd], told: &Counts) {
    let counted = fold(&world.log.before(as_of), request);
    if counted != *told {
        world.history.violate("P15", || {
            format!("report {id} as of {as_of:?} says {told:?}, and the log says {counted:?}")
        });
    }
}

/// A fresh report includes what was in the log when it was asked for.
fn check_includes(world: &World, id: JobId, ends: &[PartitionEnd], as_of: &[PartitionEnd]) {
    for end in ends {
        let included = as_of.iter().find(|offset| offset.partition == end.partition);
        if included.map_or(0, |offset| offset.next_offset) < end.next_offset {
            world.history.violate("P21", || {
                format!("report {id} was asked for at {ends:?}, and includes {as_of:?}")
            });
        }
    }
}

/// A report after a job includes all that the job has published.
fn check_awaited(world: &World, id: JobId, after: &[JobId], as_of: &[PartitionEnd]) {
    let included = ids(&world.log.before(as_of));
    for awaited in after {
        let Some(entry) = world.ledger.get(*awaited) else {
            continue;
        };
        let succeeded = entry.ended.is_some_and(|job| job.state == JobState::Succeeded);
        let Asked::Submit { event_ids } = entry.asked else {
            continue;
        };
        if succeeded && !event_ids.iter().all(|id| included.contains(id)) {
            world.history.violate("P21", || {
                format!("report {id} was to wait for {awaited}, and lacks events of it: {as_of:?}")
            });
        }
    }
}

fn ids(entries: &[LogEntry]) -> BTreeSet<String> {
    entries
        .iter()
        .map(|entry| UserEventRecord::id_of(entry).to_owned())
        .collect()
}
