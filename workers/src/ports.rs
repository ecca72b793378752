//! What the services of a crew work with, and how.

use std::sync::Arc;
use std::time::Duration;

use shared::dispatch::DispatchHandle;
use shared::job::{Role, WorkerId};
use shared::mail::{AllowedRecipients, Templates};
use shared::ports::{
    AcceptStore, AttemptStore, Clock, EventLog, JobControl, JobQueue, JobReader, LogStanding, MailLedger,
    Mailer, Projection, RescueStore, RetentionStore, ScheduleStore,
};
use shared::schedule::ScheduleRule;

/// What the services work with.
#[derive(Clone)]
pub struct CrewPorts {
    /// Uploads that lapsed are swept through it.
    pub accepts: Arc<dyn AcceptStore>,
    /// Claims, heartbeats, outcomes.
    pub attempts: Arc<dyn AttemptStore>,
    /// Repairs.
    pub rescue: Arc<dyn RescueStore>,
    /// Removes what is past its retention.
    pub retention: Arc<dyn RetentionStore>,
    /// What bulk jobs do to others.
    pub control: Arc<dyn JobControl>,
    /// Reads jobs that a report waits for.
    pub reader: Arc<dyn JobReader>,
    /// Wake-ups.
    pub queue: Arc<dyn JobQueue>,
    /// Events.
    pub log: Arc<dyn EventLog>,
    /// Counts.
    pub projection: Arc<dyn Projection>,
    /// Schedules and their slots.
    pub schedules: Arc<dyn ScheduleStore>,
    /// Who has got which mail.
    pub mails: Arc<dyn MailLedger>,
    /// Where mail goes out.
    pub mailer: Arc<dyn Mailer>,
    /// What the processes tell one another of the log.
    pub standing: Arc<dyn LogStanding>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Tells this process's dispatcher that something is due.
    pub dispatch: DispatchHandle,
}

/// How the services work.
#[derive(Clone, Debug)]
pub struct CrewSettings {
    /// Names this run of this process.
    pub worker: WorkerId,
    /// Its duties.
    pub roles: Vec<Role>,
    /// How long a task is a worker's without a heartbeat.
    pub lease: Duration,
    /// Deliveries that are held unacknowledged in one queue.
    pub prefetch: u16,
    /// Attempts at a time in one role.
    pub concurrency: usize,
    /// Whether no lease can be another process's (P10).
    pub embedded: bool,
    /// The schedule of the configuration.
    pub schedule: Option<ScheduleRule>,
    /// How reports are mailed.
    pub mail: MailRules,
    /// How long attempts may take to hand back their tasks.
    pub shutdown_timeout: Duration,
}

/// How reports are mailed.
#[derive(Clone, Debug, Default)]
pub struct MailRules {
    /// Who may be written to.
    pub allowed: AllowedRecipients,
    /// Subject and bodies.
    pub templates: Templates,
    /// Where callers reach the API; without a slash at its end.
    pub public_url: Option<String>,
}
