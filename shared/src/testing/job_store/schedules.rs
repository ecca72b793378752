//! Schedules: kept, and each slot a job once however many processes fire it (P2, P4, P8).

use std::time::Duration;

use super::build::{REPORTS, report, submit};
use super::fixture::{BACKLOG_LIMIT, Fixture};
use super::steps::{accept, due_tasks, job};
use crate::job::{GroupBy, JobId, JobRequest, JobState, ReportRequest};
use crate::ports::{Clock, Fired, JobLookup, NewJob, SCHEDULES_MAX, ScheduleRemoval, StoreError};
use crate::schedule::{Cadence, Firing, Missed, Schedule, ScheduleId, ScheduleRule, ScheduleSlot};

const HOUR: Duration = Duration::from_secs(3600);

/// A schedule is found as it was made, by the next process and under another boot too, until it is removed.
pub async fn p2_a_schedule_is_kept_until_it_is_removed(mut store: impl Fixture) {
    let (first, second) = (hourly(&store), hourly(&store));
    for schedule in [&first, &second, &first] {
        assert!(
            store
                .schedules()
                .add_schedule(schedule.clone())
                .await
                .expect("answers")
        );
    }
    store.reopen_under_another_boot();
    let kept = store.schedules().schedules().await.expect("answers");
    assert_eq!(kept, [first.clone(), second.clone()]);
    let remove = async |id| store.schedules().remove_schedule(id).await.expect("answers");
    assert_eq!(remove(first.id).await, ScheduleRemoval::Removed);
    assert_eq!(remove(first.id).await, ScheduleRemoval::Unknown);
    assert_eq!(store.schedules().schedule(first.id).await.expect("answers"), None);
    assert_eq!(
        store.schedules().schedule(second.id).await.expect("answers"),
        Some(second)
    );
}

/// The list has an end.
pub async fn there_are_so_many_schedules_and_no_more(store: impl Fixture) {
    for _ in 0..SCHEDULES_MAX {
        assert!(
            store
                .schedules()
                .add_schedule(hourly(&store))
                .await
                .expect("answers")
        );
    }
    assert!(
        !store
            .schedules()
            .add_schedule(hourly(&store))
            .await
            .expect("answers")
    );
}

/// The configured schedule goes on where it stood, begins anew with another rule, and goes with its setting.
pub async fn the_configured_schedule_follows_the_configuration(store: impl Fixture) {
    let rule = hourly(&store).rule;
    let other = ScheduleRule {
        cadence: Cadence::Every("5s".parse().expect("an interval")),
        ..rule.clone()
    };
    keep(&store, Some(&rule)).await;
    let made = configured(&store).await.expect("it is kept");
    assert_eq!(made.next_slot, store.clock().wall().plus_millis(3_600_000));
    store.clock().pass(HOUR / 2);
    keep(&store, Some(&rule)).await;
    assert_eq!(configured(&store).await, Some(made));
    keep(&store, Some(&other)).await;
    let anew = configured(&store).await.expect("it is kept");
    assert_eq!(anew.next_slot, store.clock().wall().plus_millis(5_000));
    let refused = store.schedules().remove_schedule(ScheduleId::CONFIGURED).await;
    assert_eq!(refused.expect("answers"), ScheduleRemoval::Configured);
    keep(&store, None).await;
    assert_eq!(configured(&store).await, None);
    let refused = store.schedules().remove_schedule(ScheduleId::CONFIGURED).await;
    assert_eq!(refused.expect("answers"), ScheduleRemoval::Unknown);
}

/// A schedule is due from its slot on, and moves on with the job that it makes.
pub async fn a_slot_that_is_fired_becomes_a_job(mut store: impl Fixture) {
    let schedule = hourly(&store);
    store
        .schedules()
        .add_schedule(schedule.clone())
        .await
        .expect("answers");
    assert!(due(&store).await.is_empty());
    store.clock().pass(HOUR);
    assert_eq!(due(&store).await, std::slice::from_ref(&schedule));
    let (firing, new) = step(&store, &schedule);
    let id = new.id;
    let fired = store.schedules().fire(schedule.id, firing, Some(new)).await;
    assert_eq!(fired.expect("answers"), Fired::Taken(vec![REPORTS]));
    store.reopen();
    let view = job(&store, id).await;
    assert_eq!(view.state, JobState::Queued);
    let slot = ScheduleSlot {
        id: schedule.id,
        slot: schedule.next_slot,
    };
    assert!(matches!(view.request, JobRequest::Report(report) if report.schedule == Some(slot)));
    assert_eq!(due_tasks(&store, REPORTS).await.len(), 1);
    let moved = store
        .schedules()
        .schedule(schedule.id)
        .await
        .expect("answers")
        .expect("is kept");
    assert_eq!(
        (moved.next_slot, moved.last),
        (firing.next, Some((schedule.next_slot, id)))
    );
    assert!(due(&store).await.is_empty());
}

/// Two processes that see the same slot at the same time make one job of it.
pub async fn processes_that_fire_a_slot_together_make_one_job(store: impl Fixture) {
    let other = store.another();
    for _ in 0..20 {
        let schedule = hourly(&store);
        store
            .schedules()
            .add_schedule(schedule.clone())
            .await
            .expect("answers");
        store.clock().pass(HOUR);
        let (firing, mine) = step(&store, &schedule);
        // Another id shows that it is the step that is taken once, not the job that is made twice.
        let theirs = NewJob {
            id: JobId::generate(),
            ..mine.clone()
        };
        let ids = [mine.id, theirs.id];
        let (ours, other_store) = (store.schedules(), other.schedules());
        let fired = tokio::join!(
            ours.fire(schedule.id, firing, Some(mine)),
            other_store.fire(schedule.id, firing, Some(theirs)),
        );
        let taken =
            [fired.0.expect("answers"), fired.1.expect("answers")].map(|fired| fired != Fired::Elsewhere);
        assert_ne!(taken[0], taken[1], "one of them takes the step");
        for (id, taken) in ids.into_iter().zip(taken) {
            let found = store.reader().job(id, 0).await.expect("answers");
            assert_eq!(matches!(found, JobLookup::Found(_)), taken);
        }
    }
}

/// A step from where the schedule no longer stands changes nothing, whatever the wall clock says.
pub async fn p8_a_clock_that_steps_back_fires_no_slot_again(store: impl Fixture) {
    let schedule = hourly(&store);
    store
        .schedules()
        .add_schedule(schedule.clone())
        .await
        .expect("answers");
    store.clock().pass(HOUR);
    let (firing, new) = step(&store, &schedule);
    let fire = async |new| {
        store
            .schedules()
            .fire(schedule.id, firing, new)
            .await
            .expect("answers")
    };
    assert_ne!(fire(Some(new.clone())).await, Fired::Elsewhere);
    store.clock().jump_wall(-3_600_000);
    assert!(due(&store).await.is_empty());
    store.clock().jump_wall(3_600_000);
    assert!(due(&store).await.is_empty());
    assert_eq!(fire(Some(new)).await, Fired::Elsewhere);
    assert_eq!(fire(None).await, Fired::Elsewhere);
}

/// What is left out moves the schedule on and makes nothing; a schedule that is gone takes no step.
pub async fn a_slot_can_be_left_out(store: impl Fixture) {
    let schedule = hourly(&store);
    store
        .schedules()
        .add_schedule(schedule.clone())
        .await
        .expect("answers");
    store.clock().pass(HOUR);
    let firing = Firing {
        slot: None,
        ..step(&store, &schedule).0
    };
    let fired = store.schedules().fire(schedule.id, firing, None).await;
    assert_eq!(fired.expect("answers"), Fired::Taken(Vec::new()));
    let moved = store
        .schedules()
        .schedule(schedule.id)
        .await
        .expect("answers")
        .expect("is kept");
    assert_eq!((moved.next_slot, moved.last), (firing.next, None));
    assert!(due_tasks(&store, REPORTS).await.is_empty());
    let fired = store.schedules().fire(ScheduleId::generate(), firing, None).await;
    assert_eq!(fired.expect("answers"), Fired::Elsewhere);
}

/// Where no job is taken in, the schedule stays where it is, and its slot is fired later.
pub async fn p4_a_slot_waits_while_nothing_is_admitted(store: impl Fixture) {
    let schedule = hourly(&store);
    store
        .schedules()
        .add_schedule(schedule.clone())
        .await
        .expect("answers");
    store.clock().pass(HOUR);
    for _ in 0..BACKLOG_LIMIT {
        accept(&store, submit(&store, 1)).await;
    }
    let (firing, new) = step(&store, &schedule);
    let refused = store.schedules().fire(schedule.id, firing, Some(new)).await;
    assert!(matches!(refused, Err(StoreError::Busy { .. })), "{refused:?}");
    assert_eq!(due(&store).await, [schedule]);
}

fn hourly(store: &impl Fixture) -> Schedule {
    let now = store.clock().wall();
    let cadence = Cadence::Every("1h".parse().expect("an interval"));
    Schedule {
        id: ScheduleId::generate(),
        next_slot: cadence.next_after(now, now).expect("an interval goes on"),
        rule: ScheduleRule {
            cadence,
            missed: Missed::CatchUpOnce,
            group_by: GroupBy::State,
            mail_to: vec!["ann@example.com".parse().expect("an address")],
        },
        created_at: now,
        last: None,
    }
}

async fn keep(store: &impl Fixture, rule: Option<&ScheduleRule>) {
    let now = store.clock().wall();
    let kept = store.schedules().keep_configured(rule.cloned(), now).await;
    kept.expect("the store answers");
}

async fn configured(store: &impl Fixture) -> Option<Schedule> {
    store
        .schedules()
        .schedule(ScheduleId::CONFIGURED)
        .await
        .expect("the store answers")
}

async fn due(store: &impl Fixture) -> Vec<Schedule> {
    let due = store.schedules().due_schedules(store.clock().wall(), 10).await;
    due.expect("the store answers")
}

/// The step that is due, and its job.
fn step(store: &impl Fixture, schedule: &Schedule) -> (Firing, NewJob) {
    let firing = schedule.due(store.clock().wall()).expect("its slot has come");
    let slot = firing.slot.expect("it is fired");
    let request = ReportRequest {
        schedule: Some(ScheduleSlot {
            id: schedule.id,
            slot,
        }),
        ..ReportRequest::default()
    };
    let new = NewJob {
        id: schedule.id.job_of(slot),
        request: JobRequest::Report(request),
        ..report(store, &[])
    };
    (firing, new)
}
