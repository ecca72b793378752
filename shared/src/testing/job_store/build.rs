//! Jobs, chunks, outcomes and reports to put into a store, each with values of its own to be told apart by.

use bytes::Bytes;

use super::fixture::Fixture;
use crate::job::{
    Failure, GroupBy, JobError, JobId, JobKind, JobRequest, Labels, Lease, PartitionOffset, QueueName,
    Receipt, Report, ReportRequest, ReportRow, SubmitOrigin, SubmitRequest, TaskRef, WorkerId,
};
use crate::ports::{
    Claimed, Clock, InputChunk, NewJob, NewTask, Outcome, ParkCondition, Parked, PartitionEnd, Published,
    RejectRecord,
};
use crate::time::Timestamp;
use crate::wire::TraceContext;

/// The queue of submits.
pub const SUBMITS: QueueName = JobKind::Submit.queue();
/// The queue of reports.
pub const REPORTS: QueueName = JobKind::Report.queue();
/// Events of each task that the builders make.
pub const EVENTS: u64 = 10;

/// A worker of this name.
#[must_use]
pub fn worker(name: &str) -> WorkerId {
    WorkerId(name.to_owned())
}

/// The task number `task` of a job.
#[must_use]
pub const fn task(job: JobId, task: u32) -> TaskRef {
    TaskRef { job, task }
}

/// A submit of so many tasks, without input.
#[must_use]
pub fn submit(store: &impl Fixture, tasks: u32) -> NewJob {
    let request = JobRequest::Submit(SubmitRequest {
        origin: SubmitOrigin::Import,
    });
    NewJob {
        received: u64::from(tasks) * EVENTS,
        ..job(store, request, tasks, EVENTS)
    }
}

/// A report that waits for `after`.
#[must_use]
pub fn report(store: &impl Fixture, after: &[JobId]) -> NewJob {
    let request = ReportRequest {
        after: after.to_vec(),
        ..ReportRequest::default()
    };
    job(store, JobRequest::Report(request), 1, 0)
}

fn job(store: &impl Fixture, request: JobRequest, tasks: u32, events: u64) -> NewJob {
    let queue = request.kind().queue();
    NewJob {
        id: JobId::generate(),
        request,
        created_at: store.clock().wall(),
        received: 0,
        rejected: 0,
        tasks: (0..tasks).map(|_| NewTask { queue, events }).collect(),
        chunks: Vec::new(),
        rejects: Vec::new(),
        upload: None,
        labels: Labels::default(),
        key: None,
        trace: TraceContext::generate(),
    }
}

/// A chunk whose body names its place.
#[must_use]
pub fn chunk(task: u32, first_ordinal: u64) -> InputChunk {
    InputChunk {
        task,
        first_ordinal,
        events: 5,
        body: Bytes::from(format!("task {task}, from {first_ordinal}\n")),
    }
}

/// The first attempt at a submit whose whole input came with its claim.
#[must_use]
pub fn claimed() -> Claimed {
    let chunk = chunk(0, 0);
    let job = JobId::generate();
    Claimed {
        lease: Lease {
            task: task(job, 0),
            token: 1,
            nonce: 7,
        },
        attempt: 1,
        deaths: 0,
        request: JobRequest::Submit(SubmitRequest {
            origin: SubmitOrigin::Events,
        }),
        root: job,
        created_at: Timestamp::from_millis(0),
        events: u64::from(chunk.events),
        published: 0,
        first_chunk: Some(chunk),
        parked: None,
        trace: TraceContext::generate(),
    }
}

/// A reject of the record that begins in `line`.
#[must_use]
pub fn reject(line: u64) -> RejectRecord {
    RejectRecord {
        line,
        pointer: "#/address/city".to_owned(),
        code: "blank",
        reason: format!("line {line} has no city"),
        raw: format!("{{\"line\":{line}}}"),
    }
}

/// Deliveries without receipts.
#[must_use]
pub fn published(events: u64) -> Published {
    Published {
        events,
        ..Published::default()
    }
}

/// The end of a submit task that delivered so many events.
#[must_use]
pub fn done(events: u64) -> Outcome {
    Outcome::Published(published(events))
}

/// A failure that may pass.
#[must_use]
pub fn transient(reason: &str) -> Outcome {
    Outcome::Failed {
        failure: Failure::Transient {
            reason: reason.to_owned(),
        },
        published: Published::default(),
    }
}

/// A failure for good.
#[must_use]
pub fn permanent(code: &'static str) -> Outcome {
    Outcome::Failed {
        failure: Failure::Permanent(error(code)),
        published: Published::default(),
    }
}

/// An error with a detail that names its code.
#[must_use]
pub fn error(code: &'static str) -> JobError {
    JobError {
        code,
        detail: format!("It ended with {code}."),
    }
}

/// A stop of the holder.
#[must_use]
pub fn hand_back() -> Outcome {
    Outcome::HandBack(Published::default())
}

/// A park until the awaited jobs have ended.
#[must_use]
pub fn park_on_jobs() -> Outcome {
    Outcome::Park(Parked::default())
}

/// A park until the projection has reached [`bound`].
#[must_use]
pub fn park_on_bound(next_offset: i64) -> Outcome {
    Outcome::Park(parked_on_bound(next_offset))
}

/// What [`park_on_bound`] leaves.
#[must_use]
pub fn parked_on_bound(next_offset: i64) -> Parked {
    Parked {
        bound: Some(bound(next_offset)),
        condition: ParkCondition::BoundReached,
    }
}

/// A bound in two partitions.
#[must_use]
pub fn bound(next_offset: i64) -> Vec<PartitionEnd> {
    let end = |partition, next_offset| PartitionEnd {
        partition,
        next_offset,
    };
    vec![end(0, next_offset), end(1, next_offset + 1)]
}

/// A receipt of events that stand without a gap.
#[must_use]
pub fn receipt(partition: i32, first_offset: i64, last_offset: i64) -> Receipt {
    Receipt {
        topic: "user-events".to_owned(),
        partition,
        first_offset: Some(first_offset),
        last_offset: Some(last_offset),
        events: u64::try_from(last_offset - first_offset + 1).unwrap_or(0),
        without_offset: 0,
    }
}

/// A report of three rows, in the contract's order, which is not that of their names.
#[must_use]
pub fn result(store: &impl Fixture) -> Report {
    let row = |state: Option<&str>, city: &str, users| ReportRow {
        country: "US".to_owned(),
        state: state.map(str::to_owned),
        city: Some(city.to_owned()),
        users,
        events: users + 1,
    };
    Report {
        group_by: GroupBy::City,
        generated_at: store.clock().wall(),
        users: 8,
        events: 14,
        rows_total: 3,
        quarantined: 1,
        as_of: vec![PartitionOffset {
            topic: "user-events".to_owned(),
            partition: 0,
            next_offset: 15,
        }],
        rows: vec![
            row(Some("OH"), "Zanesville", 6),
            row(None, "Springfield", 3),
            row(Some("AK"), "Anchorage", 2),
        ],
    }
}

/// The end of a report.
#[must_use]
pub fn reported(store: &impl Fixture) -> Outcome {
    Outcome::Reported(Box::new(result(store)))
}
