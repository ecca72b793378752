//! The shapes of contract.md §2: what crosses HTTP, and nothing of how.
//!
//! Members may join; none is renamed. The specification is generated from these types.

mod etag;
mod event;
mod history;
mod job;
mod list;
mod moment;
mod number;
mod problem;
mod report;
mod result;
mod schedule;

pub use etag::{EntityTag, SeenTags};
pub use event::{EventAddress, SubmitBody, UserEvent};
pub use history::{JobHistory, JobStep, JobStepKind};
pub use job::{Job, JobAttempt, JobBulk, JobProgress, JobReceipt, JobStateName, Links, Shown};
pub use list::{Cursor, CursorFault, JobList};
pub use moment::Moment;
pub use number::{Bounded, MAX_INTEGER, integer};
pub use problem::{Problem, ProblemCode, ProblemError};
pub use report::{GroupByName, LogPosition, MAX_ROWS, ReportBody, ReportPlace, ReportResult};
pub use result::{JobResult, Reject};
pub use schedule::{JobSchedule, MissedName, ScheduleBody, ScheduleLinks, ScheduleList, ScheduleView};
