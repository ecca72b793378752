//! Starts the real services of a process over the world's disks, broker and log.

use std::sync::Arc;
use std::time::Duration;

use shared::adapters::smtp::LoggedMailer;
use shared::adapters::sqlite::jobs::{JobStore, JobStoreOptions};
use shared::adapters::sqlite::projection::ProjectionStore;
use shared::dispatch::{DispatchHandle, Dispatcher};
use shared::job::{Role, WorkerId};
use shared::ports::Clock;
use workers::crew::Crew;
use workers::ports::{CrewPorts, CrewSettings, MailRules};

use super::broker::SimQueue;
use super::life::{Edge, File, Life};
use super::log::SimLog;
use super::world::World;

/// How long a claim holds: a process that stands still may wake after it.
pub(super) const LEASE: Duration = Duration::from_secs(5);
/// P5: few enough for a run to fill it.
pub(super) const WINDOW: u64 = 2;

/// What a process is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Duty {
    /// Accepts and dispatches.
    Api,
    /// Works in these roles.
    Workers(&'static [Role]),
    /// Both in one process, and no other beside it (P10).
    Embedded,
}

/// A process that was started.
#[derive(Clone)]
pub(super) struct Process {
    pub(super) duty: Duty,
    pub(super) life: Arc<Life>,
    /// What its HTTP side would call.
    pub(super) store: JobStore,
    pub(super) dispatch: DispatchHandle,
}

impl Process {
    pub(super) fn start(world: &Arc<World>, duty: Duty, number: u32) -> Self {
        let kind = match duty {
            Duty::Api => "api",
            Duty::Workers(_) => "worker",
            Duty::Embedded => "both",
        };
        let life = Life::new(format!("{kind}{number}"));
        world.note(&life, || format!("starts as {duty:?}"));
        let store = open_store(world, &life);
        let queue = Arc::new(SimQueue::connect(world, &life));
        let dispatch = DispatchHandle::default();
        let dispatcher = Dispatcher::new(Arc::new(store.clone()), Arc::clone(&queue) as _, dispatch.clone());
        tokio::spawn(dispatcher.run(life.shutdown.clone()));
        let process = Self {
            duty,
            life,
            store,
            dispatch,
        };
        match duty {
            Duty::Api => {}
            Duty::Workers(roles) => process.work(world, queue, roles, false),
            Duty::Embedded => process.work(world, queue, &Role::ALL, true),
        }
        process
    }

    /// As `SIGTERM` does: it ends when its attempts have let go.
    pub(super) fn stop(&self, world: &Arc<World>) {
        world.note(&self.life, || "is told to stop".to_owned());
        self.life.shutdown.cancel();
        if self.duty == Duty::Api {
            world.end(&self.life);
        }
    }

    fn work(&self, world: &Arc<World>, queue: Arc<SimQueue>, roles: &[Role], embedded: bool) {
        let crew = Crew {
            ports: self.ports(world, queue),
            settings: CrewSettings {
                worker: WorkerId(self.life.name.clone()),
                roles: roles.to_vec(),
                lease: LEASE,
                prefetch: 4,
                concurrency: 4,
                embedded,
                schedule: None,
                mail: MailRules::default(),
                shutdown_timeout: Duration::from_secs(3),
            },
        };
        let (world, life) = (Arc::clone(world), Arc::clone(&self.life));
        tokio::spawn(async move {
            crew.run(life.shutdown.clone()).await;
            life.step().await;
            world.note(&life, || "has stopped".to_owned());
            world.end(&life);
        });
    }

    fn ports(&self, world: &Arc<World>, queue: Arc<SimQueue>) -> CrewPorts {
        let store = Arc::new(self.store.clone());
        let edge = Edge {
            world: Arc::clone(world),
            life: Arc::clone(&self.life),
            file: File::Projection,
        };
        let clock: Arc<dyn Clock> = Arc::clone(&world.clock) as _;
        let projection = Arc::new(ProjectionStore::in_memory(
            &world.projection,
            Arc::new(edge),
            Arc::clone(&clock),
            &world.clock.boot_id(),
        ));
        CrewPorts {
            accepts: Arc::clone(&store) as _,
            attempts: Arc::clone(&store) as _,
            rescue: Arc::clone(&store) as _,
            retention: Arc::clone(&store) as _,
            control: Arc::clone(&store) as _,
            schedules: Arc::clone(&store) as _,
            mails: Arc::clone(&store) as _,
            mailer: Arc::new(LoggedMailer),
            reader: store,
            queue,
            log: Arc::new(SimLog::connect(world, &self.life)),
            projection: Arc::clone(&projection) as _,
            standing: projection,
            clock,
            dispatch: self.dispatch.clone(),
        }
    }
}

fn open_store(world: &Arc<World>, life: &Arc<Life>) -> JobStore {
    let edge = Edge {
        world: Arc::clone(world),
        life: Arc::clone(life),
        file: File::Jobs,
    };
    let options = JobStoreOptions {
        lease: LEASE,
        retention: Duration::from_secs(7 * 24 * 3600),
        boot_id: world.clock.boot_id(),
        readers: 1,
        tombstones: Duration::from_secs(30 * 24 * 3600),
        backlog_limit: 1_000,
        disk_reserve_bytes: 0,
        shared: true,
    };
    let clock = Arc::clone(&world.clock) as _;
    JobStore::in_memory(&world.jobs, Arc::new(edge), clock, options, WINDOW).unwrap()
}
