//! What the processes of one run share: disks, broker, log, clocks, and who watches them.

use std::fmt::Display;
use std::sync::Arc;

use shared::adapters::sqlite::jobs::JobStore;
use shared::adapters::sqlite::memory::MemoryDisk;
use shared::adapters::sqlite::projection::ProjectionStore;

use super::broker::Broker;
use super::clock::SimClock;
use super::dice::Dice;
use super::faults::{Faults, Temper};
use super::history::History;
use super::ledger::Ledger;
use super::life::{File, Life};
use super::log::Log;
use super::positions::Positions;
use super::states::States;

pub(super) struct World {
    pub(super) dice: Dice,
    pub(super) clock: Arc<SimClock>,
    pub(super) history: Arc<History>,
    pub(super) faults: Faults,
    pub(super) jobs: Arc<MemoryDisk>,
    pub(super) projection: Arc<MemoryDisk>,
    pub(super) broker: Broker,
    pub(super) log: Log,
    pub(super) states: States,
    pub(super) positions: Positions,
    pub(super) ledger: Ledger,
}

impl World {
    pub(super) fn new(seed: u64, recording: bool) -> Arc<Self> {
        let dice = Dice::new(seed);
        let clock = Arc::new(SimClock::new());
        let history = Arc::new(History::new(Arc::clone(&clock), recording));
        let temper = Temper::draw(&dice);
        history.note(&"world", || format!("{temper:?}"));
        let partitions = *dice.pick(&[1, 2, 3]);
        Arc::new(Self {
            faults: Faults::new(temper),
            jobs: JobStore::memory_disk().unwrap(),
            projection: ProjectionStore::memory_disk().unwrap(),
            broker: Broker::default(),
            log: Log::new(partitions),
            states: States::new(Arc::clone(&history)),
            positions: Positions::new(Arc::clone(&history)),
            ledger: Ledger::default(),
            dice,
            clock,
            history,
        })
    }

    pub(super) fn note(&self, who: &dyn Display, what: impl FnOnce() -> String) {
        self.history.note(who, what);
    }

    /// The process is gone, as by `kill -9`.
    pub(super) fn end(&self, life: &Life) {
        if !life.is_dead() {
            life.end();
            self.jobs.locks().leave_behind(&life.name);
        }
        self.broker.drop_connection(life);
    }

    /// The system writes back what was committed to a file.
    pub(super) fn write_back(&self, file: File) {
        let disk = match file {
            File::Jobs => &self.jobs,
            File::Projection => &self.projection,
        };
        disk.write_back().unwrap();
    }

    /// The power fails under all processes, which the caller ends, and comes back.
    pub(super) fn fail_power(&self) {
        self.note(&"world", || "the power fails".to_owned());
        self.jobs.fail_power().unwrap();
        self.projection.fail_power().unwrap();
        self.clock.boot();
        self.jobs.look(|connection| self.states.restart(connection));
        self.projection
            .look(|connection| self.positions.restart(connection));
        for id in self.ledger.accepted() {
            let stands = self.states.jobs().iter().any(|(job, _)| *job == id);
            let may_be_gone = self.ledger.get(id).is_some_and(|entry| entry.may_be_gone);
            if !stands && !may_be_gone {
                self.history.violate("P2", || {
                    format!("the power failed, and the accepted job {id} is gone")
                });
            }
        }
    }
}
