//! A worker process, as far as it can be one inside a test: a runtime of its own that can be stopped or killed.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use shared::dispatch::{DispatchHandle, Dispatcher};
use shared::job::{JobId, Role, WorkerId};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;
use workers::crew::Crew;
use workers::ports::{CrewPorts, CrewSettings};

use crate::bench::{BOUND, Bench};

pub(crate) struct Process {
    pub(crate) worker: WorkerId,
    runtime: Option<Runtime>,
    shutdown: CancellationToken,
    crew: Option<tokio::task::JoinHandle<()>>,
}

impl Process {
    pub(crate) fn start(bench: &Bench, concurrency: usize) -> Self {
        Self::with_roles(bench, concurrency, Role::ALL.to_vec())
    }

    pub(crate) fn with_roles(bench: &Bench, concurrency: usize, roles: Vec<Role>) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let shutdown = CancellationToken::new();
        let dispatch = DispatchHandle::default();
        let dispatcher = Dispatcher::new(
            Arc::new(bench.store.clone()),
            Arc::clone(&bench.queue) as _,
            dispatch.clone(),
        );
        let worker = WorkerId(JobId::generate().to_string());
        let crew = Crew {
            ports: CrewPorts {
                accepts: Arc::new(bench.store.clone()),
                attempts: Arc::clone(&bench.watched) as _,
                rescue: Arc::new(bench.store.clone()),
                retention: Arc::new(bench.store.clone()),
                control: Arc::new(bench.store.clone()),
                reader: Arc::new(bench.store.clone()),
                schedules: Arc::new(bench.store.clone()),
                mails: Arc::new(bench.store.clone()),
                mailer: Arc::clone(&bench.mailer) as _,
                queue: Arc::clone(&bench.queue) as _,
                log: Arc::clone(&bench.log) as _,
                projection: Arc::new(bench.projection.clone()),
                standing: Arc::new(bench.projection.clone()),
                clock: Arc::clone(&bench.clock) as _,
                dispatch: dispatch.clone(),
            },
            settings: CrewSettings {
                worker: worker.clone(),
                roles,
                lease: bench.lease,
                prefetch: 200,
                concurrency,
                // P10 covers what a lapse covers; these tests prove the lapse.
                embedded: false,
                schedule: None,
                mail: bench.mail.clone(),
                shutdown_timeout: Duration::from_secs(20),
            },
        };
        bench.dispatchers.lock().unwrap().push(dispatch);
        runtime.spawn(dispatcher.run(shutdown.clone()));
        let crew = runtime.spawn(crew.run(shutdown.clone()));
        Self {
            worker,
            runtime: Some(runtime),
            shutdown,
            crew: Some(crew),
        }
    }

    /// As `SIGTERM` does.
    pub(crate) fn ask_to_stop(&self) {
        self.shutdown.cancel();
    }

    pub(crate) async fn stopped(mut self) {
        self.shutdown.cancel();
        let crew = self.crew.take().unwrap();
        tokio::time::timeout(BOUND, crew).await.unwrap().unwrap();
    }

    /// As `kill -9` does: nothing that waits goes on, and nothing of it runs any more when this returns.
    pub(crate) fn kill(mut self) {
        if let Some(runtime) = self.runtime.take() {
            // A runtime may not be waited for from within another one.
            let ending = thread::spawn(move || runtime.shutdown_timeout(BOUND));
            ending.join().expect("a runtime ends without a panic");
        }
    }

    fn end(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}
