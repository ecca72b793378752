//! What `/readyz` and the metrics of a process show of the log and the quarantine (P17, P19): the projection's file,
//! looked up every second, since it is another process that projects or publishes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use metrics::gauge;
use shared::ports::{ComponentHealth, Health, LogStanding, Standing};
use tokio_util::sync::CancellationToken;

/// How often the file is looked at.
const EVERY: Duration = Duration::from_secs(1);

/// As it was at the last look. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct LogState(Arc<Mutex<Standing>>);

impl LogState {
    /// Looks until `shutdown`. A look that fails changes nothing: the file's own health tells of it.
    pub(crate) async fn run(self, file: Arc<dyn LogStanding>, shutdown: CancellationToken) {
        let mut ticks = tokio::time::interval(EVERY);
        while shutdown.run_until_cancelled(ticks.tick()).await.is_some() {
            if let Ok(standing) = file.standing().await {
                gauge!("census_quarantined_records").set(standing.quarantined as f64);
                *self.inner() = standing;
            }
        }
    }

    fn inner(&self) -> MutexGuard<'_, Standing> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The projection as `/readyz` shows it: its file, whether it can follow the log, and what the counts lack.
pub(crate) struct ProjectionHealth {
    pub(crate) file: Arc<dyn Health>,
    pub(crate) log_state: LogState,
}

impl Health for ProjectionHealth {
    fn health(&self) -> ComponentHealth {
        let file = self.file.health();
        if !file.up {
            return file;
        }
        let standing = self.log_state.inner();
        match standing.projector.as_ref().or(standing.gate.as_ref()) {
            Some(stop) => ComponentHealth {
                up: false,
                since: stop.since,
                detail: Some(stop.cause.clone()),
                ..file
            },
            None => ComponentHealth {
                detail: in_quarantine(standing.quarantined),
                ..file
            },
        }
    }
}

fn in_quarantine(records: u64) -> Option<String> {
    match records {
        0 => None,
        1 => Some("1 record in quarantine: `workers quarantine list`".to_owned()),
        _ => Some(format!(
            "{records} records in quarantine: `workers quarantine list`"
        )),
    }
}

#[cfg(test)]
mod tests {
    use shared::job::JobError;
    use shared::ports::LogStop;
    use shared::time::Timestamp;

    use super::*;

    struct File {
        up: bool,
    }

    impl Health for File {
        fn health(&self) -> ComponentHealth {
            ComponentHealth {
                name: "projection",
                up: self.up,
                since: Timestamp::from_millis(1),
                detail: (!self.up).then(|| "no room".to_owned()),
            }
        }
    }

    fn shown(up: bool, standing: Standing) -> (bool, i64, Option<String>) {
        let health = ProjectionHealth {
            file: Arc::new(File { up }),
            log_state: LogState(Arc::new(Mutex::new(standing))),
        };
        let health = health.health();
        (health.up, health.since.as_millis(), health.detail)
    }

    fn stop(cause: &str) -> Option<LogStop> {
        Some(LogStop {
            code: JobError::LOG_DIVERGED,
            cause: cause.to_owned(),
            since: Timestamp::from_millis(7),
        })
    }

    #[test]
    fn p17_the_gravest_is_shown() {
        let all = || Standing {
            projector: stop("another log"),
            gate: stop("nothing is published"),
            quarantined: 2,
        };
        let gate = || Standing {
            projector: None,
            ..all()
        };
        let quarantine = || Standing { gate: None, ..gate() };
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(shown(false, all()), (false, 1, text("no room")));
        assert_eq!(shown(true, all()), (false, 7, text("another log")));
        assert_eq!(shown(true, gate()), (false, 7, text("nothing is published")));
        let kept = text("2 records in quarantine: `workers quarantine list`");
        assert_eq!(shown(true, quarantine()), (true, 1, kept));
        assert_eq!(shown(true, Standing::default()), (true, 1, None));
    }
}
