//! What the submitter asks of the store: recorded, and checked for order, size and all-or-nothing.

mod recording;

use std::io;

use bytes::Bytes;
use futures_util::stream;
use shared::job::Labels;
use shared::ports::StoreError;
use shared::wire::{StoredEvent, TraceContext};

use self::recording::submitter;
use super::{Envelope, ImportFormat, Submitted, Submitter};
use crate::refusal::{Refusal, RefusalCode};

fn envelope() -> Envelope {
    Envelope {
        key: None,
        labels: Labels::default(),
        trace: TraceContext::generate(),
    }
}

fn line(user: usize) -> String {
    format!(
        "{{\"id\":\"u{user}\",\"address\":{{\"city\":\"Holland\",\"country\":\"US\"}},\"datetime\":\"2019-05-07 17:11:13\"}}\n"
    )
}

/// A server moves requests between its threads.
fn is_send<T: Send>(_: &T) {}

fn code(result: Result<Submitted, Refusal>) -> RefusalCode {
    result.unwrap_err().code
}

async fn import(submitter: &Submitter, pieces: Vec<io::Result<Bytes>>) -> Result<Submitted, Refusal> {
    submitter
        .import(ImportFormat::Ndjson, stream::iter(pieces), envelope())
        .await
}

#[tokio::test]
async fn p1_a_short_body_is_accepted_in_one_transaction() {
    let (store, submitter) = submitter();
    let body = format!("{}nonsense\n\n{}", line(1), line(2));
    let job = import(&submitter, vec![Ok(body.into())]).await.unwrap();
    assert_eq!((job.job.progress.received, job.job.progress.rejected), (3, 1));
    assert!(store.staged.lock().unwrap().is_empty());
    let accepted = store.accepted.lock().unwrap();
    assert_eq!((accepted[0].upload, accepted[0].tasks.len()), (None, 1));
    assert_eq!(
        (accepted[0].rejects[0].line, accepted[0].rejects[0].code),
        (2, "bad_json")
    );
    // P11: the reject leaves a gap.
    let lines: Vec<u64> = StoredEvent::lines(&accepted[0].chunks[0].body)
        .map(|e| e.unwrap().ordinal)
        .collect();
    assert_eq!(lines, [0, 2]);
}

#[tokio::test]
async fn p1_a_long_body_is_staged_in_chunks_that_never_span_tasks() {
    let (store, submitter) = submitter();
    let pieces = (0..60).map(|piece| {
        let lines: String = (0..1_000).map(|n| line(piece * 1_000 + n)).collect();
        Ok(Bytes::from(format!("{lines}bad\n")))
    });
    let job = import(&submitter, pieces.collect()).await.unwrap();
    assert_eq!(
        (job.job.progress.received, job.job.progress.rejected),
        (60_060, 60)
    );
    let staged = store.staged.lock().unwrap();
    let accepted = &store.accepted.lock().unwrap()[0];
    assert_eq!(accepted.upload, Some(staged[0].0));
    assert_eq!(
        accepted.tasks.iter().map(|task| task.events).collect::<Vec<_>>(),
        [10_000; 6]
    );
    let chunks: Vec<_> = staged
        .iter()
        .flat_map(|(_, chunks, _)| chunks)
        .chain(&accepted.chunks)
        .collect();
    let mut by_task = vec![0; 6];
    let mut last = None;
    for chunk in chunks {
        assert!(chunk.body.len() <= 1024 * 1024);
        by_task[chunk.task as usize] += u64::from(chunk.events);
        let ordinals: Vec<u64> = StoredEvent::lines(&chunk.body)
            .map(|e| e.unwrap().ordinal)
            .collect();
        assert_eq!(
            (ordinals[0], ordinals.len()),
            (chunk.first_ordinal, chunk.events as usize)
        );
        assert!(last < Some(ordinals[0]));
        last = ordinals.last().copied();
    }
    assert_eq!(by_task, [10_000; 6]);
    let rejects = staged
        .iter()
        .flat_map(|(_, _, rejects)| rejects)
        .chain(&accepted.rejects);
    assert_eq!(rejects.count(), 60);
}

#[tokio::test]
async fn rejects_beyond_the_kept_ones_are_counted_and_staged_without_events() {
    let (store, submitter) = submitter();
    let mut pieces = vec![Ok(Bytes::from(line(0)))];
    pieces.extend((0..101).map(|_| Ok(Bytes::from("bad\n".repeat(1_000)))));
    let job = import(&submitter, pieces).await.unwrap();
    assert_eq!(job.job.progress.rejected, 101_000);
    let staged = store.staged.lock().unwrap();
    let accepted = &store.accepted.lock().unwrap()[0];
    let rejects = staged.iter().map(|(_, _, rejects)| rejects.len()).sum::<usize>() + accepted.rejects.len();
    assert_eq!(rejects, 100_000);
    let chunks = staged
        .iter()
        .flat_map(|(_, chunks, _)| chunks)
        .chain(&accepted.chunks);
    assert_eq!(chunks.map(|chunk| chunk.events).collect::<Vec<_>>(), [1]);
}

#[tokio::test]
async fn all_or_nothing_what_is_refused_leaves_nothing_behind() {
    let (store, submitter) = submitter();
    let long = |user: usize| Ok(Bytes::from(line(user).repeat(20_000)));
    let broken = || Err(io::Error::from(io::ErrorKind::ConnectionReset));
    assert_eq!(code(import(&submitter, vec![]).await), RefusalCode::Empty);
    assert_eq!(
        code(import(&submitter, vec![Ok("\n \n".into())]).await),
        RefusalCode::Empty
    );
    let all_rejected = import(&submitter, vec![Ok("bad\n{}\n".into())])
        .await
        .unwrap_err();
    assert_eq!(
        (all_rejected.code, all_rejected.errors.len()),
        (RefusalCode::AllRejected, 2)
    );
    assert!(store.discarded.lock().unwrap().is_empty());

    let broke_off = import(&submitter, vec![long(1), long(2), long(3), broken()]).await;
    assert_eq!(code(broke_off), RefusalCode::IncompleteBody);
    let too_large = import(&submitter, (0..6).map(long).collect()).await;
    assert_eq!(code(too_large), RefusalCode::TooLarge);
    assert_eq!(store.discarded.lock().unwrap().len(), 2);

    let stalled = submitter.import(ImportFormat::Csv, stream::pending(), envelope());
    is_send(&stalled);
    assert_eq!(code(stalled.await), RefusalCode::IncompleteBody);
    assert!(store.accepted.lock().unwrap().is_empty());
}

#[tokio::test]
async fn p3_an_upload_is_kept_only_when_the_outcome_of_its_accept_is_unknown() {
    for (error, refused_as, discarded) in [
        (
            StoreError::OutcomeUnknown {
                source: "disk".into(),
            },
            RefusalCode::StoreOutcomeUnknown,
            0,
        ),
        (
            StoreError::Busy {
                reason: "full".into(),
            },
            RefusalCode::Overloaded,
            1,
        ),
        (StoreError::UploadLapsed, RefusalCode::IncompleteBody, 1),
        (StoreError::Corrupt { what: "x".into() }, RefusalCode::Internal, 1),
    ] {
        let (store, submitter) = submitter();
        *store.fail_accept.lock().unwrap() = Some(error);
        let body = Bytes::from(line(1).repeat(45_000));
        assert_eq!(code(import(&submitter, vec![Ok(body)]).await), refused_as);
        assert_eq!(store.discarded.lock().unwrap().len(), discarded);
    }
}

#[tokio::test]
async fn a_sample_is_made_of_as_many_users_as_asked_for() {
    let (store, submitter) = submitter();
    for count in [0, 100_001] {
        let refused = submitter.sample(count, envelope()).await;
        assert_eq!(code(refused), RefusalCode::BadParameter);
    }
    let job = submitter.sample(10_001, envelope()).await.unwrap();
    assert_eq!(
        (job.job.progress.received, job.job.progress.rejected),
        (10_001, 0)
    );
    assert_eq!(store.accepted.lock().unwrap()[0].tasks.len(), 2);
}

#[tokio::test]
async fn a_report_waits_only_for_jobs_that_are_there() {
    let (store, submitter) = submitter();
    submitter.report(Bytes::new(), envelope()).await.unwrap();
    assert_eq!(store.accepted.lock().unwrap()[0].tasks.len(), 1);
    let after = "{\"after\":[\"0199f0c2-0000-7000-8000-000000000000\"]}";
    let refused = submitter.report(after.into(), envelope()).await.unwrap_err();
    assert_eq!(
        (refused.code, refused.errors[0].pointer.as_str()),
        (RefusalCode::Invalid, "#/after/0")
    );
}

#[tokio::test]
async fn a_json_body_becomes_a_job() {
    let (store, submitter) = submitter();
    let body = format!("{{\"events\":[{},{}]}}", line(1), line(2));
    let job = submitter.events(body.into(), envelope()).await.unwrap();
    assert_eq!(job.job.progress.received, 2);
    assert_eq!(store.accepted.lock().unwrap()[0].chunks[0].events, 2);
}
