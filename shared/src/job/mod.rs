//! The domain of jobs: what a caller asked for, its tasks, attempts and states. No I/O, no async, no HTTP.

mod attempt;
mod backoff;
mod failure;
mod id;
mod key;
mod kind;
mod labels;
mod progress;
mod report;
mod request;
mod state;
mod view;

pub use attempt::{Attempt, Lease, WorkerId};
pub use backoff::Backoff;
pub use failure::{Failure, JobError};
pub use id::{JobId, TaskRef};
pub use key::{IdempotencyKey, KeyFault, RequestDigest};
pub use kind::{JobKind, QueueName, Role};
pub use labels::{Label, LabelFault, Labels};
pub use progress::{Progress, Receipt};
pub use report::{PartitionOffset, Report, ReportRow};
pub use request::{BulkRequest, GroupBy, JobRequest, ReportRequest, SubmitOrigin, SubmitRequest};
pub use state::{JobState, JobTransition, TaskState, TaskTally, TaskTransition};
pub use view::{JobFilter, JobView};
