//! What a case measures: processes over a data folder of their own.

use tempfile::TempDir;

use crate::brokers::Brokers;
use crate::client::Client;
use crate::plan::Plan;
use crate::process::{Flags, Server, Workers};
use crate::usage::{SpentSoFar, processor_us};

/// An `api` on a fresh data folder, and what runs beside it.
pub(crate) struct Deployment {
    pub(crate) api: Server,
    workers: Vec<Workers>,
    flags: Flags,
    // Dropped after the processes.
    _data: TempDir,
}

impl Deployment {
    /// The whole product in one process.
    pub(crate) fn embedded(plan: &Plan) -> Self {
        let data = plan.ground.fresh();
        Self::of(plan, Flags::embedded(data.path()), data)
    }

    /// An `api` alone whose brokers are away.
    pub(crate) fn brokers_away(plan: &Plan) -> Self {
        let data = plan.ground.fresh();
        Self::of(plan, Flags::brokers_away(data.path()), data)
    }

    /// An `api` over real brokers, without workers yet.
    pub(crate) fn over(brokers: &Brokers, plan: &Plan) -> Self {
        let data = plan.ground.fresh();
        Self::of(plan, Flags::brokers(data.path(), brokers), data)
    }

    fn of(plan: &Plan, flags: Flags, data: TempDir) -> Self {
        Self {
            api: Server::api(&plan.programs, &flags),
            workers: Vec::new(),
            flags,
            _data: data,
        }
    }

    /// Starts so many processes of workers, each of both roles.
    pub(crate) fn with_workers(mut self, plan: &Plan, processes: usize) -> Self {
        self.add_workers(plan, processes);
        self
    }

    pub(crate) fn add_workers(&mut self, plan: &Plan, processes: usize) {
        let started = (0..processes).map(|_| Workers::start(&plan.programs, &self.flags));
        self.workers.extend(started);
    }

    /// Processor time that each program has spent so far.
    pub(crate) fn spent(&self) -> SpentSoFar {
        let workers = self.workers.iter().map(|workers| processor_us(workers.pid()));
        let mut spent = SpentSoFar::from([("api", processor_us(self.api.pid()))]);
        if !self.workers.is_empty() {
            spent.insert("workers", workers.sum());
        }
        spent
    }

    pub(crate) async fn client(&self) -> Client {
        Client::connect(self.api.address).await
    }
}
