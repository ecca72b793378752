//! All services of one worker process, in terms of ports.

use std::sync::Arc;
use std::time::Duration;

use shared::job::{Backoff, QueueName, Role};
use shared::ports::{Attendance, ProjectionError};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::consume::Consumer;
use crate::execute::Executor;
use crate::heart::Heart;
use crate::log_gate::LogGate;
use crate::ports::{CrewPorts, CrewSettings};
use crate::project::Projector;
use crate::rescue::Rescuer;
use crate::schedule::Scheduler;
use crate::service::keep_running;
use crate::solitude::Solitude;

/// The services of one process.
pub struct Crew {
    /// What they work with.
    pub ports: CrewPorts,
    /// How they work.
    pub settings: CrewSettings,
}

impl Crew {
    /// Works until `shutdown`; then takes no more, lets attempts hand back or finish, and returns.
    pub async fn run(self, shutdown: CancellationToken) {
        let Self { ports, settings } = self;
        if settings.embedded {
            void_leases(&ports, &shutdown).await;
            void_projectors_lease(&ports, settings.lease).await;
        }
        // P13: let go only by a clean stop.
        let _present = attend(&ports, &settings).await;
        // Leases are held until the last attempt has written its outcome.
        let attempts_ended = CancellationToken::new();
        let heart = Heart::new(Arc::clone(&ports.attempts), settings.lease / 3);
        let beating = tokio::spawn(Arc::clone(&heart).run(attempts_ended.clone()));
        let gate = Arc::new(LogGate::new(&ports));
        let services = TaskTracker::new();
        let solitude = Arc::new(Solitude::new(Arc::clone(&ports.attempts)));
        for role in settings.roles.clone() {
            let (ports, settings, heart) = (ports.clone(), settings.clone(), Arc::clone(&heart));
            let (gate, solitude, stop) = (Arc::clone(&gate), Arc::clone(&solitude), shutdown.clone());
            let begin = move || {
                let heart = Arc::clone(&heart);
                let executor = Executor::new(
                    &ports,
                    &settings,
                    heart,
                    &gate,
                    Arc::clone(&solitude),
                    stop.clone(),
                );
                Consumer::new(role, &ports, &settings, executor).run(stop.clone())
            };
            services.spawn(keep_running(role.as_str(), shutdown.clone(), begin));
        }
        if settings.roles.contains(&Role::UserEvents) {
            let stop = shutdown.clone();
            let begin = move || Arc::clone(&gate).watch(stop.clone());
            services.spawn(keep_running("gate", shutdown.clone(), begin));
        }
        if settings.roles.contains(&Role::UserStats) {
            let (ports, settings, stop) = (ports.clone(), settings.clone(), shutdown.clone());
            let begin = move || Projector::new(&ports, &settings).run(stop.clone());
            services.spawn(keep_running("projector", shutdown.clone(), begin));
        }
        if settings.roles.contains(&Role::UserStats) {
            let (ports, settings, stop) = (ports.clone(), settings.clone(), shutdown.clone());
            let begin = move || Scheduler::new(&ports, &settings).run(stop.clone());
            services.spawn(keep_running("scheduler", shutdown.clone(), begin));
        }
        let stop = shutdown.clone();
        let begin = move || Rescuer::new(&ports, &settings).run(stop.clone());
        services.spawn(keep_running("rescuer", shutdown, begin));
        services.close();
        services.wait().await;
        attempts_ended.cancel();
        if let Err(error) = beating.await {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "the heartbeats ended badly"
            );
        }
    }
}

/// Without it a death of this process is not noticed, and its tasks are done again all the same.
async fn attend(ports: &CrewPorts, settings: &CrewSettings) -> Option<Box<dyn Attendance>> {
    match ports.rescue.attend(&settings.worker).await {
        Ok(present) => Some(present),
        Err(error) => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "a death of this process would not be noticed"
            );
            None
        }
    }
}

/// P10: in `embedded` no holder survives the process, so nothing waits for a lease to lapse.
async fn void_leases(ports: &CrewPorts, shutdown: &CancellationToken) {
    let mut failures = 0;
    loop {
        match ports.rescue.void_leases().await {
            Ok(rescued) => {
                if rescued.tasks > 0 {
                    tracing::info!(tasks = rescued.tasks, "tasks of the last run are taken up again");
                }
                // Whatever the last run left undone is due, whoever made it so.
                for role in Role::ALL {
                    ports.dispatch.nudge(QueueName(role));
                }
                return;
            }
            Err(error) => {
                failures += 1;
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "leases cannot be voided yet"
                );
                let pause = tokio::time::sleep(Backoff::RECONNECT.draw(failures));
                if shutdown.run_until_cancelled(pause).await.is_none() {
                    return;
                }
            }
        }
    }
}

/// P10: the projector's lease stands in another file. It is taken in the name of the last run, and given back; where
/// that fails, it is left to lapse.
async fn void_projectors_lease(ports: &CrewPorts, ttl: Duration) {
    let voided = async {
        if let Some(last) = ports.projection.projector().await?
            && let Some(lease) = ports.projection.hold_projector(&last, ttl).await?
        {
            ports.projection.release_projector(lease).await?;
        }
        Ok::<_, ProjectionError>(())
    };
    if let Err(error) = voided.await {
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "the projector's lease of the last run is left to lapse"
        );
    }
}
