//! Step 8: lists, pages, rejects, report rows and counts are read back as the contract shows them (§2, §3).

use std::time::Duration;

use super::build::{
    EVENTS, done, permanent, receipt, reject, report, reported, result, submit, task, worker,
};
use super::fixture::Fixture;
use super::retry::retry;
use super::steps::{accept, cancel, claim, finish, job, work};
use crate::job::{JobError, JobFilter, JobId, JobState, JobView, Labels, Report};
use crate::ports::{JobLookup, NewJob, Outcome, Published};
use crate::time::Timestamp;

/// Newest accepted first: the order of acceptance counts, not the time on the job.
pub async fn a_list_is_in_the_order_of_acceptance(store: impl Fixture) {
    let mut ids = Vec::new();
    for back_s in [0, 5, 2] {
        let new = NewJob {
            created_at: Timestamp::from_millis(1_700_000_000_000 - back_s * 1_000),
            ..submit(&store, 1)
        };
        ids.push(accept(&store, new).await.id);
    }
    ids.reverse();
    let listed = list(&store, &JobFilter::default(), None, 10).await;
    assert_eq!(listed, (ids, false));
}

/// A cursor goes on where the page ended, whatever has been accepted since.
pub async fn pages_of_a_list_neither_repeat_nor_leave_out(store: impl Fixture) {
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(accept(&store, submit(&store, 1)).await.id);
    }
    ids.reverse();
    let all = JobFilter::default();
    assert_eq!(list(&store, &all, None, 2).await, (ids[..2].to_vec(), true));
    accept(&store, submit(&store, 1)).await;
    let seq = job(&store, ids[1]).await.seq;
    assert_eq!(list(&store, &all, Some(seq), 2).await, (ids[2..4].to_vec(), true));
    let seq = job(&store, ids[3]).await.seq;
    assert_eq!(list(&store, &all, Some(seq), 2).await, (ids[4..].to_vec(), false));
    let seq = job(&store, ids[2]).await.seq;
    assert_eq!(
        list(&store, &all, Some(seq), 2).await,
        (ids[3..].to_vec(), false),
        "a last page that is full"
    );
    let seq = job(&store, ids[4]).await.seq;
    assert_eq!(list(&store, &all, Some(seq), 2).await, (Vec::new(), false));
}

/// One label, several, and together with the other filters, over several pages; a retry inherits them.
pub async fn a_label_finds_its_jobs(mut store: impl Fixture) {
    let mut ids = Vec::new();
    for labels in [
        &["team:blue", "run:1"][..],
        &["team:blue", "run:2"],
        &["team:red", "run:1"],
        &[],
    ] {
        let labels = Labels::read(labels.iter().copied()).expect("they are labels");
        let new = NewJob {
            labels: labels.clone(),
            ..submit(&store, 1)
        };
        let made = accept(&store, new).await;
        assert_eq!(made.labels, labels);
        ids.push(made.id);
    }
    let [blue_1, blue_2, red_1, _plain] = ids[..] else {
        unreachable!("four were made")
    };
    cancel(&store, blue_2).await;
    let again = retry(&store, blue_2).await.id;
    store.reopen();
    let filter = |labels: &[&str], states: &[JobState]| JobFilter {
        labels: labels
            .iter()
            .map(|label| label.parse().expect("it is a label"))
            .collect(),
        states: states.to_vec(),
        ..JobFilter::default()
    };
    for (filter, expected) in [
        (filter(&["team:blue"], &[]), vec![again, blue_2, blue_1]),
        (filter(&["run:1"], &[]), vec![red_1, blue_1]),
        (filter(&["run:1", "team:blue"], &[]), vec![blue_1]),
        (filter(&["run:1", "team:green"], &[]), vec![]),
        (filter(&["team:blue"], &[JobState::Queued]), vec![again, blue_1]),
    ] {
        let listed = list(&store, &filter, None, 10).await;
        assert_eq!(listed, (expected, false), "{filter:?}");
    }
    let blue = filter(&["team:blue"], &[]);
    assert_eq!(list(&store, &blue, None, 2).await, (vec![again, blue_2], true));
    let seq = job(&store, blue_2).await.seq;
    assert_eq!(list(&store, &blue, Some(seq), 2).await, (vec![blue_1], false));
    store.control().delete(blue_2).await.expect("the store answers");
    assert_eq!(list(&store, &blue, None, 10).await.0, [again, blue_1]);
}

/// Kinds, states and times, alone and together, over several pages.
pub async fn a_filter_shows_what_it_names(store: impl Fixture) {
    let at = |second: i64| Timestamp::from_millis(1_700_000_000_000 + second * 1_000);
    let mut ids = Vec::new();
    for second in 0..6 {
        let new = if second % 2 == 0 {
            submit(&store, 1)
        } else {
            report(&store, &[])
        };
        let new = NewJob {
            created_at: at(second),
            ..new
        };
        ids.push(accept(&store, new).await.id);
    }
    let [s0, r1, s2, r3, s4, r5] = ids[..] else {
        unreachable!("six were made")
    };
    work(&store, task(s0, 0), done(EVENTS)).await;
    work(&store, task(s2, 0), permanent(JobError::INTERNAL)).await;
    cancel(&store, r3).await;
    claim(&store, task(s4, 0)).await;
    let filter = |kinds: &[&str], states: &[JobState]| JobFilter {
        kinds: kinds.iter().map(|kind| (*kind).to_owned()).collect(),
        states: states.to_vec(),
        ..JobFilter::default()
    };
    let (succeeded, failed) = (JobState::Succeeded, JobState::Failed);
    for (filter, expected) in [
        (filter(&["submit"], &[]), vec![s4, s2, s0]),
        (filter(&["report"], &[]), vec![r5, r3, r1]),
        (filter(&["report", "submit"], &[]), vec![r5, s4, r3, s2, r1, s0]),
        (filter(&["nonsense"], &[]), vec![]),
        (filter(&["nonsense", "submit"], &[]), vec![s4, s2, s0]),
        (filter(&[], &[JobState::Queued]), vec![r5, r1]),
        (filter(&[], &[failed, succeeded]), vec![s2, s0]),
        (filter(&["submit"], &[JobState::Running, succeeded]), vec![s4, s0]),
        (filter(&["report"], &[succeeded]), vec![]),
        (filter(&["report"], &[JobState::Cancelled]), vec![r3]),
    ] {
        let listed = list(&store, &filter, None, 10).await;
        assert_eq!(listed, (expected, false), "{filter:?}");
    }
    let between = JobFilter {
        created_from: Some(at(1)),
        created_to: Some(at(4)),
        ..filter(&[], &[])
    };
    assert_eq!(list(&store, &between, None, 10).await.0, [r3, s2, r1]);
    let reports = JobFilter {
        kinds: vec!["report".to_owned()],
        ..between
    };
    assert_eq!(list(&store, &reports, None, 1).await, (vec![r3], true));
    let seq = job(&store, r3).await.seq;
    assert_eq!(list(&store, &reports, Some(seq), 1).await, (vec![r1], false));
}

/// A job in a list is the job, less its receipts, its attempts and the rows of its report.
pub async fn a_listed_job_lacks_receipts_attempts_and_rows(store: impl Fixture) {
    let submitted = accept(&store, submit(&store, 1)).await.id;
    let published = Published {
        events: 5,
        receipts: vec![receipt(0, 1, 5)],
        marks: Vec::new(),
    };
    work(&store, task(submitted, 0), Outcome::Published(published)).await;
    let counted = accept(&store, report(&store, &[])).await.id;
    work(&store, task(counted, 0), reported(&store)).await;
    let failed = accept(&store, report(&store, &[])).await.id;
    work(&store, task(failed, 0), permanent(JobError::INTERNAL)).await;
    let page = store
        .reader()
        .list(&JobFilter::default(), None, 10)
        .await
        .expect("answers");
    let mut expected = Vec::new();
    for id in [failed, counted, submitted] {
        let whole = job(&store, id).await;
        let report = whole.report.map(|report| Report {
            rows: Vec::new(),
            ..report
        });
        expected.push(JobView {
            receipts: Vec::new(),
            attempts: Vec::new(),
            report,
            ..whole
        });
    }
    assert_eq!(page.jobs, expected);
}

/// A report comes back whole, in its own order, and a page at a time.
pub async fn the_rows_of_a_report_keep_their_order(mut store: impl Fixture) {
    let id = accept(&store, report(&store, &[])).await.id;
    let result = result(&store);
    let end = work(&store, task(id, 0), Outcome::Reported(Box::new(result.clone()))).await;
    assert_eq!(end.1, JobState::Succeeded);
    store.reopen();
    assert_eq!(job(&store, id).await.report, Some(result.clone()));
    for (offset, limit, expected) in [
        (0, 10, &result.rows[..]),
        (0, 2, &result.rows[..2]),
        (1, 1, &result.rows[1..2]),
        (2, 10, &result.rows[2..]),
        (3, 10, &[][..]),
    ] {
        let rows = store
            .reader()
            .report_rows(id, offset, limit)
            .await
            .expect("answers");
        assert_eq!(rows, expected, "{limit} from {offset}");
    }
    let rows = store
        .reader()
        .report_rows(JobId::generate(), 0, 10)
        .await
        .expect("answers");
    assert_eq!(rows, []);
}

/// A job holds as many rows as were asked for, and says how many there are.
pub async fn a_job_holds_at_most_the_rows_asked_for(store: impl Fixture) {
    let id = accept(&store, report(&store, &[])).await.id;
    work(&store, task(id, 0), reported(&store)).await;
    for (max_rows, held) in [(0, 0), (2, 2), (3, 3), (1_000, 3)] {
        let JobLookup::Found(view) = store.reader().job(id, max_rows).await.expect("answers") else {
            panic!("the job is there")
        };
        let report = view.report.expect("it succeeded");
        assert_eq!((report.rows.len(), report.rows_total), (held, 3));
        assert_eq!(report.rows, result(&store).rows[..held]);
    }
}

/// Rejects come in the order of the input, a page at a time, each whole.
pub async fn rejects_are_read_a_page_at_a_time(store: impl Fixture) {
    let new = NewJob {
        rejected: 5,
        rejects: [4, 8, 9, 23, 42].map(reject).to_vec(),
        ..submit(&store, 1)
    };
    let id = accept(&store, new).await.id;
    accept(
        &store,
        NewJob {
            rejects: vec![reject(77)],
            ..submit(&store, 1)
        },
    )
    .await;
    for (offset, limit, expected) in [
        (0, 10, &[4, 8, 9, 23, 42][..]),
        (0, 2, &[4, 8]),
        (2, 2, &[9, 23]),
        (4, 2, &[42]),
        (5, 2, &[]),
    ] {
        let page = store.reader().rejects(id, offset, limit).await.expect("answers");
        let lines: Vec<_> = page.iter().map(|reject| reject.line).collect();
        assert_eq!(lines, expected, "{limit} from {offset}");
    }
    let (kept, brought) = (
        store.reader().rejects(id, 3, 1).await.expect("answers"),
        reject(23),
    );
    assert_eq!(
        (&kept[0].pointer, kept[0].code.as_str()),
        (&brought.pointer, brought.code)
    );
    assert_eq!((&kept[0].reason, &kept[0].raw), (&brought.reason, &brought.raw));
    assert_eq!(
        store
            .reader()
            .rejects(JobId::generate(), 0, 9)
            .await
            .expect("answers"),
        []
    );
}

/// Which ids lead nowhere.
pub async fn unknown_ids_are_told_apart(store: impl Fixture) {
    let known = accept(&store, submit(&store, 1)).await.id;
    let (one, two) = (JobId::generate(), JobId::generate());
    let unknown = store.reader().unknown(&[one, known, two]).await.expect("answers");
    assert_eq!(unknown, [one, two]);
    assert_eq!(store.reader().unknown(&[]).await.expect("answers"), []);
    assert_eq!(
        store.reader().job(one, 0).await.expect("answers"),
        JobLookup::Unknown
    );
}

/// Jobs that have not ended, by kind and state, through every way of moving.
pub async fn open_jobs_are_counted_by_kind_and_state(mut store: impl Fixture) {
    let (queued, running, cancelling) = (JobState::Queued, JobState::Running, JobState::Cancelling);
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.push(accept(&store, submit(&store, 1)).await.id);
    }
    accept(&store, report(&store, &[])).await;
    assert_eq!(open(&store).await, [("report", queued, 1), ("submit", queued, 4)]);
    let lease = claim(&store, task(ids[0], 0)).await.lease;
    claim(&store, task(ids[1], 0)).await;
    cancel(&store, ids[1]).await;
    cancel(&store, ids[2]).await;
    let expected = [
        ("report", queued, 1),
        ("submit", cancelling, 1),
        ("submit", queued, 1),
        ("submit", running, 1),
    ];
    assert_eq!(open(&store).await, expected);
    finish(&store, lease, done(EVENTS)).await;
    store.rescue().void_leases().await.expect("answers");
    store.reopen();
    assert_eq!(open(&store).await, [("report", queued, 1), ("submit", queued, 1)]);
    let tried = store
        .attempts()
        .claim(vec![task(ids[3], 0)], &worker("w"))
        .await
        .expect("answers");
    store.clock().pass(Duration::from_secs(1));
    finish(&store, tried[0].lease, done(EVENTS)).await;
    assert_eq!(open(&store).await, [("report", queued, 1)]);
}

async fn list(
    store: &impl Fixture,
    filter: &JobFilter,
    before: Option<i64>,
    limit: usize,
) -> (Vec<JobId>, bool) {
    let page = store
        .reader()
        .list(filter, before, limit)
        .await
        .expect("the store answers");
    (page.jobs.iter().map(|job| job.id).collect(), page.more)
}

/// In the order of the names.
async fn open(store: &impl Fixture) -> Vec<(&'static str, JobState, u64)> {
    let mut open = store.reader().open_jobs().await.expect("the store answers");
    open.sort_by_key(|(kind, state, _)| (*kind, state.as_str()));
    open
}
