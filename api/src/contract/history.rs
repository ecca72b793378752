//! What has happened to a job so far, in order.

use poem_openapi::{Enum, Object};
use serde::Serialize;
use serde_with::skip_serializing_none;
use shared::job::JobView;

use super::{JobStateName, Moment};

/// What has happened to a job so far, oldest first.
#[derive(Clone, Debug, Object, Serialize)]
pub struct JobHistory {
    /// The steps; of the attempts the last ten.
    pub history: Vec<JobStep>,
}

/// Something that happened to a job.
#[skip_serializing_none]
#[derive(Clone, Debug, Object, Serialize)]
#[oai(skip_serializing_if_is_none)]
pub struct JobStep {
    /// When.
    pub at: Moment,
    /// What.
    pub step: JobStepKind,
    /// The task of an attempt, from 0.
    pub task: Option<i64>,
    /// The number of an attempt, from 1.
    pub n: Option<i64>,
    /// Who tried.
    pub worker: Option<String>,
    /// Why an attempt did not succeed.
    pub error: Option<String>,
    /// How the job ended.
    pub state: Option<JobStateName>,
}

/// What can happen to a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum, Serialize)]
#[oai(rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum JobStepKind {
    /// It was accepted.
    Accepted,
    /// A worker took one of its tasks.
    AttemptStarted,
    /// The worker let go of the task.
    AttemptEnded,
    /// It ended.
    Ended,
}

impl JobHistory {
    /// The history of this job.
    #[must_use]
    pub fn new(view: &JobView) -> Self {
        let mut history = vec![JobStep::new(Moment(view.created_at), JobStepKind::Accepted)];
        for attempt in &view.attempts {
            let of_attempt = |at, step| JobStep {
                task: Some(attempt.task.into()),
                n: Some(attempt.n.into()),
                worker: Some(attempt.worker.clone()),
                ..JobStep::new(at, step)
            };
            history.push(of_attempt(
                Moment(attempt.started_at),
                JobStepKind::AttemptStarted,
            ));
            if let Some(ended_at) = attempt.ended_at {
                history.push(JobStep {
                    error: attempt.error.clone(),
                    ..of_attempt(Moment(ended_at), JobStepKind::AttemptEnded)
                });
            }
        }
        // Stable: of steps of one moment the start stays before the end.
        history.sort_by_key(|step| step.at.0);
        if let Some(ended_at) = view.ended_at {
            history.push(JobStep {
                state: Some(view.state.into()),
                ..JobStep::new(Moment(ended_at), JobStepKind::Ended)
            });
        }
        Self { history }
    }
}

impl JobStep {
    fn new(at: Moment, step: JobStepKind) -> Self {
        Self {
            at,
            step,
            task: None,
            n: None,
            worker: None,
            error: None,
            state: None,
        }
    }
}
