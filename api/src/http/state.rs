//! What handlers work with; `app` puts it together.

use std::sync::Arc;
use std::time::Duration;

use shared::dispatch::DispatchHandle;
use shared::job::JobView;
use shared::mail::AllowedRecipients;
use shared::ports::{Clock, Health, JobControl, JobReader, ScheduleStore};
use shared::schedule::Schedule;

use super::problem::RETRY_AFTER_S;
use crate::contract::{EntityTag, Job, ScheduleView, Shown};
use crate::poll::Poller;
use crate::submit::Submitter;

/// The longest pause between two looks at a job that is advised, in seconds.
const RETRY_AFTER_MAX_S: i64 = 30;

/// Writes the metrics of the process in Prometheus' text format.
pub type RenderMetrics = Arc<dyn Fn() -> String + Send + Sync>;

/// The services and ports behind the endpoints.
pub struct ApiState {
    /// Makes jobs of requests.
    pub submitter: Arc<Submitter>,
    /// Reads a job, and waits for its changes.
    pub poller: Poller,
    /// Reads lists, results and rejects.
    pub reader: Arc<dyn JobReader>,
    /// Cancels.
    pub control: Arc<dyn JobControl>,
    /// Keeps schedules.
    pub schedules: Arc<dyn ScheduleStore>,
    /// Tells the dispatcher that something is due.
    pub dispatch: DispatchHandle,
    /// What `/readyz` asks.
    pub health: Vec<Arc<dyn Health>>,
    /// What `/metrics` answers.
    pub metrics: RenderMetrics,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Bounds and names.
    pub settings: HttpOptions,
}

/// Settings of the HTTP side.
#[derive(Clone, Debug)]
pub struct HttpOptions {
    /// Prefixes `Location` and `links`; without a slash at its end.
    pub public_url: Option<String>,
    /// Bytes of a JSON body.
    pub max_body_bytes: usize,
    /// Bytes of a streamed body.
    pub max_stream_bytes: u64,
    /// How long a body may go without a byte.
    pub body_timeout: Duration,
    /// Who may be sent reports.
    pub recipients: AllowedRecipients,
}

impl ApiState {
    /// The whole representation of a job.
    #[must_use]
    pub fn whole(&self, view: &JobView) -> Job {
        Job::new(view, Shown::Whole, self.public_url())
    }

    /// The representation of a job in a list.
    #[must_use]
    pub fn listed(&self, view: &JobView) -> Job {
        Job::new(view, Shown::Listed, self.public_url())
    }

    /// The representation of a schedule.
    #[must_use]
    pub fn schedule(&self, schedule: &Schedule) -> ScheduleView {
        ScheduleView::new(schedule, self.public_url())
    }

    /// The name of the job's representation.
    #[must_use]
    pub fn tag(&self, view: &JobView) -> EntityTag {
        EntityTag {
            epoch: self.reader.epoch(),
            revision: view.revision,
        }
    }

    /// Seconds after which a look at a job is worth while: a tenth of its age, so that a long one is not asked for
    /// all the time. `None` once it has ended.
    #[must_use]
    pub fn retry_after_s(&self, view: &JobView) -> Option<i64> {
        let age_ms = self.clock.wall().as_millis() - view.created_at.as_millis();
        (!view.state.is_terminal()).then(|| (age_ms / 10_000).clamp(RETRY_AFTER_S, RETRY_AFTER_MAX_S))
    }

    fn public_url(&self) -> Option<&str> {
        self.settings
            .public_url
            .as_deref()
            .map(|url| url.trim_end_matches('/'))
    }
}
