//! Schedules: each slot becomes one job and one mail, however many processes look.

use std::collections::BTreeSet;
use std::time::Duration;

use shared::job::{GroupBy, JobFilter, JobId, JobRequest, JobView};
use shared::ports::{Clock, JobReader, ScheduleStore};
use shared::schedule::{Cadence, Missed, Schedule, ScheduleId, ScheduleRule, ScheduleSlot};
use shared::testing::wait::wait_until;

use crate::bench::{BOUND, Bench};

async fn add(bench: &Bench, every: &str, missed: Missed) -> Schedule {
    let now = bench.clock.wall();
    let cadence = Cadence::Every(every.parse().unwrap());
    let schedule = Schedule {
        id: ScheduleId::generate(),
        next_slot: cadence.next_after(now, now).unwrap(),
        rule: ScheduleRule {
            cadence,
            missed,
            group_by: GroupBy::Country,
            mail_to: vec!["ann@example.com".parse().unwrap()],
        },
        created_at: now,
        last: None,
    };
    assert!(bench.store.add_schedule(schedule.clone()).await.unwrap());
    schedule
}

async fn jobs(bench: &Bench) -> Vec<JobView> {
    bench
        .store
        .list(&JobFilter::default(), None, 1_000)
        .await
        .unwrap()
        .jobs
}

fn slot(job: &JobView) -> ScheduleSlot {
    match &job.request {
        JobRequest::Report(report) => report.schedule.expect("a schedule made it"),
        other => panic!("no report: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_make_one_job_and_one_mail_of_each_slot() {
    let bench = Bench::new().await;
    let schedule = add(&bench, "1s", Missed::CatchUpOnce).await;
    let (one, other) = (bench.start(), bench.start());
    let mails = wait_until("four mails", BOUND, async || {
        let mails = bench.mailer.taken();
        if mails.len() < 4 {
            Err(format!("{}", mails.len()))
        } else {
            Ok(mails)
        }
    })
    .await;
    bench.store.remove_schedule(schedule.id).await.unwrap();
    for process in [one, other] {
        process.stopped().await;
    }
    let jobs = jobs(&bench).await;
    let slots: BTreeSet<_> = jobs.iter().map(|job| slot(job).slot).collect();
    assert_eq!(slots.len(), jobs.len(), "one job for each slot");
    let ids: BTreeSet<JobId> = jobs.iter().map(|job| job.id).collect();
    assert!(
        jobs.iter()
            .all(|job| job.id == schedule.id.job_of(slot(job).slot))
    );
    let letters: BTreeSet<_> = mails.iter().map(|(letter, _)| letter.id.clone()).collect();
    assert_eq!(letters.len(), mails.len(), "one mail for each slot");
    assert!(
        letters
            .iter()
            .all(|letter| ids.iter().any(|id| *letter == format!("report.{id}")))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn slots_that_nobody_fired_are_caught_up_once_or_left_out() {
    let bench = Bench::new().await;
    let caught_up = add(&bench, "1h", Missed::CatchUpOnce).await;
    let left_out = add(&bench, "1h", Missed::Skip).await;
    bench.clock.pass(Duration::from_secs(5 * 3600 + 120));
    let _process = bench.start();
    wait_until("both schedules to have moved on", BOUND, async || {
        let now = bench.clock.wall();
        let due = bench.store.due_schedules(now, 10).await.unwrap();
        if due.is_empty() {
            Ok(())
        } else {
            Err(format!("{due:?}"))
        }
    })
    .await;
    let jobs = jobs(&bench).await;
    assert_eq!(jobs.len(), 1, "{jobs:#?}");
    let latest = caught_up.created_at.plus_millis(5 * 3_600_000);
    assert_eq!(
        slot(&jobs[0]),
        ScheduleSlot {
            id: caught_up.id,
            slot: latest
        }
    );
    let moved = bench.store.schedule(left_out.id).await.unwrap().unwrap();
    assert_eq!(
        (moved.next_slot, moved.last),
        (left_out.created_at.plus_millis(6 * 3_600_000), None)
    );
}
