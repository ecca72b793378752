//! The composition root: the only file that names concrete adapters, for `workers` and for the embedded `api`.

use std::error::Error as StdError;
use std::sync::Arc;

use shared::adapters::embedded::InProcessQueue;
use shared::adapters::kafka::KafkaLog;
use shared::adapters::rabbitmq::{RabbitDeadQueue, RabbitQueue};
use shared::adapters::smtp::{LoggedMailer, PATIENCE, SmtpMailer};
use shared::adapters::sqlite::jobs::{JobStore, JobStoreOptions};
use shared::adapters::sqlite::log::SqliteLog;
use shared::adapters::sqlite::projection::ProjectionStore;
use shared::adapters::system::{DataDir, Sharing, SystemClock, boot_id};
use shared::config::{Config, Profile};
use shared::dispatch::{DispatchHandle, Dispatcher};
use shared::job::{Role, WorkerId};
use shared::ports::{Clock, DeadQueue, EventLog, Health, JobQueue, Mailer};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::app_error::AppError;
use crate::crew::Crew;
use crate::log_state::{LogState, ProjectionHealth};
use crate::operations;
use crate::ports::{CrewPorts, CrewSettings, MailRules};
use crate::process::{block_on, shutdown_signal, start_process, stopped_within};

/// Connections that read the job store at a time, and as many the projection.
const READERS: usize = 4;

/// The part of a process that holds the counts: all that some commands need.
pub(crate) struct Counts {
    pub(crate) projection: ProjectionStore,
    pub(crate) clock: Arc<dyn Clock>,
    boot_id: String,
    // Held for its lock.
    data: DataDir,
}

impl Counts {
    pub(crate) fn open(config: &Config) -> Result<Self, AppError> {
        let sharing = match config.profile {
            Profile::Embedded => Sharing::Alone,
            Profile::Brokers => Sharing::Shared,
        };
        let data = DataDir::open(&config.store.data_dir, sharing)?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let boot_id = boot_id().map_err(|source| AppError::System {
            what: "the boot id",
            source,
        })?;
        let projection = ProjectionStore::open(
            &data.file("projection.sqlite"),
            Arc::clone(&clock),
            boot_id.clone(),
            READERS,
        )
        .map_err(open("the projection"))?;
        Ok(Self {
            projection,
            clock,
            boot_id,
            data,
        })
    }

    pub(crate) fn open_log(&self, config: &Config) -> Result<Arc<dyn EventLog>, AppError> {
        let brokers = &config.brokers;
        let clock = Arc::clone(&self.clock);
        Ok(match config.profile {
            Profile::Embedded => Arc::new(
                SqliteLog::open(&self.data.file("log.sqlite"), &brokers.kafka_topic, clock)
                    .map_err(open("the event log"))?,
            ),
            Profile::Brokers => Arc::new(
                KafkaLog::connect(
                    &brokers.kafka_brokers,
                    &brokers.kafka_topic,
                    config.workers.lease,
                    clock,
                )
                .map_err(open("Kafka's client"))?
                .accept_unfit_topic(brokers.kafka_accept_unfit_topic),
            ),
        })
    }
}

/// The adapters of one process, as its profile picks them.
pub struct Host {
    /// The job store.
    pub store: JobStore,
    /// The projection.
    pub projection: ProjectionStore,
    /// The wake-up queue.
    pub queue: Arc<dyn JobQueue>,
    /// The event log.
    pub log: Arc<dyn EventLog>,
    /// Where mail goes out.
    pub mailer: Arc<dyn Mailer>,
    /// The clocks of the host.
    pub clock: Arc<dyn Clock>,
    /// Tells this process's dispatcher that there is something to send.
    pub dispatch: DispatchHandle,
    log_state: LogState,
    profile: Profile,
    // Held for its lock.
    _data: DataDir,
}

impl Host {
    /// Opens everything. A broker that is away does not keep a process from starting.
    ///
    /// # Errors
    /// [`AppError`] says what an operator can do.
    pub fn open(config: &Config) -> Result<Self, AppError> {
        let counts = Counts::open(config)?;
        let log = counts.open_log(config)?;
        let Counts {
            projection,
            clock,
            boot_id,
            data,
        } = counts;
        let options = JobStoreOptions {
            lease: config.workers.lease,
            retention: config.store.retention,
            tombstones: config.store.tombstones,
            boot_id,
            readers: READERS,
            backlog_limit: config.store.backlog_limit,
            disk_reserve_bytes: config.store.disk_reserve_bytes,
            shared: config.profile == Profile::Brokers,
        };
        let store = JobStore::open(&data.file("jobs.sqlite"), Arc::clone(&clock), options)
            .map_err(open("the job store"))?;
        let queue: Arc<dyn JobQueue> = match config.profile {
            Profile::Embedded => Arc::new(InProcessQueue::new(&*clock)),
            Profile::Brokers => Arc::new(RabbitQueue::connect(
                &config.brokers.rabbitmq_url,
                &config.brokers.rabbitmq_prefix,
                Arc::clone(&clock),
            )),
        };
        Ok(Self {
            store,
            projection,
            queue,
            log,
            mailer: mailer(config)?,
            clock,
            dispatch: DispatchHandle::default(),
            log_state: LogState::default(),
            profile: config.profile,
            _data: data,
        })
    }

    /// The dispatcher of this process.
    #[must_use]
    pub fn dispatcher(&self) -> Dispatcher {
        Dispatcher::new(
            Arc::new(self.store.clone()),
            Arc::clone(&self.queue),
            self.dispatch.clone(),
        )
    }

    /// The workers of this process.
    #[must_use]
    pub fn crew(&self, config: &Config, roles: Vec<Role>) -> Crew {
        Crew {
            ports: self.ports(),
            settings: CrewSettings {
                worker: worker_id(),
                roles,
                lease: config.workers.lease,
                prefetch: config.workers.prefetch,
                concurrency: config.workers.concurrency,
                embedded: config.profile == Profile::Embedded,
                schedule: config.mail.schedule.clone(),
                mail: MailRules {
                    allowed: config.mail.allowed.clone(),
                    templates: config.mail.templates.clone(),
                    public_url: config.http.public_url.clone(),
                },
                shutdown_timeout: config.workers.shutdown_timeout,
            },
        }
    }

    pub(crate) fn ports(&self) -> CrewPorts {
        let store = Arc::new(self.store.clone());
        let projection = Arc::new(self.projection.clone());
        CrewPorts {
            accepts: Arc::clone(&store) as _,
            attempts: Arc::clone(&store) as _,
            rescue: Arc::clone(&store) as _,
            retention: Arc::clone(&store) as _,
            control: Arc::clone(&store) as _,
            schedules: Arc::clone(&store) as _,
            mails: Arc::clone(&store) as _,
            reader: store,
            queue: Arc::clone(&self.queue),
            log: Arc::clone(&self.log),
            mailer: Arc::clone(&self.mailer),
            projection: Arc::clone(&projection) as _,
            standing: projection,
            clock: Arc::clone(&self.clock),
            dispatch: self.dispatch.clone(),
        }
    }

    /// Keeps what [`Self::health`] and the metrics show of the log and the quarantine, until `shutdown`.
    pub fn watch_log(&self, shutdown: CancellationToken) -> impl Future<Output = ()> + use<> {
        self.log_state
            .clone()
            .run(Arc::new(self.projection.clone()), shutdown)
    }

    /// What `/readyz` shows of this process.
    #[must_use]
    pub fn health(&self) -> Vec<Arc<dyn Health>> {
        let projection = ProjectionHealth {
            file: Arc::new(self.projection.clone()),
            log_state: self.log_state.clone(),
        };
        let mut shown: Vec<Arc<dyn Health>> = vec![Arc::new(self.store.clone()), Arc::new(projection)];
        // A queue inside the process has nothing to be away.
        if self.profile == Profile::Brokers {
            shown.push(Arc::clone(&self.queue) as _);
        }
        shown.push(Arc::clone(&self.log) as _);
        shown
    }
}

/// Mail over SMTP, or the log in its place.
fn mailer(config: &Config) -> Result<Arc<dyn Mailer>, AppError> {
    Ok(match &config.mail.post {
        Some(post) => Arc::new(
            SmtpMailer::new(&post.server, post.from.clone(), PATIENCE)
                .map_err(open("the way to the mail server"))?,
        ),
        None => Arc::new(LoggedMailer),
    })
}

/// The dead queue of the configured deployment, for an operator.
///
/// # Errors
/// [`AppError::NoDeadQueue`] where the profile has none.
pub(crate) fn dead_queue(config: &Config) -> Result<Arc<dyn DeadQueue>, AppError> {
    match config.profile {
        Profile::Embedded => Err(AppError::NoDeadQueue),
        Profile::Brokers => Ok(Arc::new(RabbitDeadQueue::new(
            &config.brokers.rabbitmq_url,
            &config.brokers.rabbitmq_prefix,
        ))),
    }
}

/// Runs a workers process until it is told to stop.
///
/// # Errors
/// [`AppError`] when it cannot start.
pub fn run(config: &Config, warnings: &[String]) -> Result<(), AppError> {
    if config.profile == Profile::Embedded {
        return Err(AppError::NoWorkers);
    }
    let metrics = start_process(config, warnings)?;
    block_on(async {
        let host = Host::open(config)?;
        let shutdown = shutdown_signal()?;
        let dispatcher = tokio::spawn(host.dispatcher().run(shutdown.clone()));
        let upkeep = tokio::spawn(metrics.clone().run_upkeep(shutdown.clone()));
        let log_watch = tokio::spawn(host.watch_log(shutdown.clone()));
        let operations = match config.workers.listen {
            Some(address) => {
                Some(operations::serve(address, host.health(), metrics, shutdown.clone()).await?)
            }
            None => None,
        };
        host.crew(config, config.workers.roles.clone())
            .run(shutdown)
            .await;
        stopped_within(config.workers.shutdown_timeout, async {
            let _ = tokio::join!(dispatcher, upkeep, log_watch);
            if let Some(operations) = operations {
                let _ = operations.await;
            }
        })
        .await;
        Ok(())
    })
}

fn worker_id() -> WorkerId {
    let run = Uuid::now_v7().simple().to_string();
    // The random end of the id tells two runs of one pid apart.
    WorkerId(format!("{}-{}", std::process::id(), &run[run.len() - 8..]))
}

fn open<E: StdError + Send + Sync + 'static>(what: &'static str) -> impl FnOnce(E) -> AppError {
    move |source| AppError::Open {
        what,
        source: Box::new(source),
    }
}
