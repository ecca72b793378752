//! The ports: what the domain, the API and the workers need from the outside, free of any technology.
//!
//! Each port belongs to one step of a job's way, so that a reader of a step meets only what the step may do.
//! Every adapter of a port passes the port's conformance suite in `testing` (a feature of this crate).

mod accept_store;
mod attempt_store;
mod changes;
mod clock;
mod dead_queue;
mod dispatch_store;
mod event_log;
mod health;
mod job_control;
mod job_queue;
mod job_reader;
mod log_headers;
mod log_standing;
mod mail_ledger;
mod mailer;
mod projection;
mod quarantine;
mod rebuild;
mod rescue_store;
mod retention_store;
mod schedule_store;
mod store_error;

pub use accept_store::{
    AcceptStore, Accepted, InputChunk, KeptKey, KeyUse, NewJob, NewTask, RejectRecord, UploadId,
};
pub use attempt_store::{
    AttemptEnd, AttemptStore, Claimed, Finished, Heartbeat, HeartbeatOutcome, Outcome, ParkCondition, Parked,
    Published,
};
pub use changes::{ChangeFeed, JobChange, News};
pub use clock::Clock;
pub use dead_queue::{DeadList, DeadMessage, DeadQueue, Redriven};
pub use dispatch_store::{DispatchStore, DueTask, DueTasks, Whose};
pub use event_log::{
    Delivery as LogDelivery, EventLog, LogBatch, LogEntry, LogError, LogReader, LogRecord, PartitionEnd,
    RecordMark, RecordPlace, RecordPlaceFault,
};
pub use health::{ComponentHealth, Health, Readiness};
pub use job_control::{CancelOutcome, DeleteOutcome, JobControl, NewRetry, RetryOutcome};
pub use job_queue::{Deliveries, Delivery, JobQueue, QueueError};
pub use job_reader::{JobLookup, JobPage, JobReader, StoredReject};
pub use log_headers::LogHeaders;
pub use log_standing::{LogStanding, LogStop, Standing};
pub use mail_ledger::MailLedger;
pub use mailer::{Handover, MailError, Mailer};
pub use projection::{
    FoldBatch, FoldEvent, FoldOutcome, FoldPosition, Projection, ProjectionError, ProjectorLease,
    QuarantineRecord, ReportQuery, SpeltPlace,
};
pub use quarantine::{Quarantine, QuarantinedRecord};
pub use rebuild::{NextFold, ProjectionRebuild, RebuildTicket};
pub use rescue_store::{Attendance, RescueStore, Rescued, RescuerLease};
pub use retention_store::{Purged, RetentionStore};
pub use schedule_store::{Fired, SCHEDULES_MAX, ScheduleRemoval, ScheduleStore};
pub use store_error::StoreError;
