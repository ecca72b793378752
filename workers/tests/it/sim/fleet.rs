//! The processes of one run: which there are, which of them live, and how they end.

use std::sync::{Arc, Mutex, PoisonError};

use shared::job::Role;

use super::process::{Duty, Process};
use super::world::World;

/// The ways to run that a run may draw. The first process is the one that answers clients.
const DEPLOYMENTS: [&[Duty]; 5] = [
    &[Duty::Embedded],
    &[Duty::Api, Duty::Workers(&Role::ALL)],
    &[Duty::Api, Duty::Workers(&Role::ALL), Duty::Workers(&Role::ALL)],
    &[
        Duty::Api,
        Duty::Workers(&Role::ALL),
        Duty::Workers(&[Role::UserStats]),
    ],
    &[
        Duty::Api,
        Duty::Workers(&[Role::UserEvents]),
        Duty::Workers(&[Role::UserStats]),
    ],
];

pub(super) struct Fleet {
    world: Arc<World>,
    processes: Vec<Process>,
    front: Front,
    started: u32,
}

/// The process that answers clients, whichever run of it lives.
#[derive(Clone)]
pub(super) struct Front(Arc<Mutex<Process>>);

impl Front {
    pub(super) fn process(&self) -> Process {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Fleet {
    pub(super) fn start(world: Arc<World>) -> Self {
        let duties = *world.dice.pick(&DEPLOYMENTS);
        let mut processes = Vec::new();
        for (number, duty) in (1..).zip(duties) {
            processes.push(Process::start(&world, *duty, number));
        }
        Self {
            world,
            front: Front(Arc::new(Mutex::new(processes[0].clone()))),
            started: duties.len() as u32,
            processes,
        }
    }

    pub(super) fn front(&self) -> Front {
        self.front.clone()
    }

    /// As by `kill -9`.
    pub(super) fn kill_one(&self) {
        let process = self.world.dice.pick(&self.processes);
        self.world.note(&process.life, || "is killed".to_owned());
        self.world.end(&process.life);
    }

    /// As by `SIGSTOP`, for longer than a lease or not.
    pub(super) fn pause_one(&self) {
        let process = self.world.dice.pick(&self.processes);
        let time = self.world.dice.millis(2_000..=9_000);
        self.world
            .note(&process.life, || format!("stands still for {time:?}"));
        process.life.stand_still(time);
    }

    /// As by `SIGTERM`.
    pub(super) fn stop_one(&self) {
        self.world.dice.pick(&self.processes).stop(&self.world);
    }

    /// The power fails under all of them and comes back.
    pub(super) fn fail_power(&mut self) {
        for process in &self.processes {
            self.world.end(&process.life);
        }
        self.world.fail_power();
        self.restart_all();
    }

    /// Starts again some of what is dead.
    pub(super) fn restart_some(&mut self) {
        for place in 0..self.processes.len() {
            if self.processes[place].life.is_dead() && self.world.dice.one_in(2) {
                self.restart(place);
            }
        }
    }

    /// Starts again all that is dead. A process that was told to stop and has not come to its end is killed by
    /// whoever told it.
    pub(super) fn restart_all(&mut self) {
        for place in 0..self.processes.len() {
            let life = &self.processes[place].life;
            if life.shutdown.is_cancelled() {
                self.world.end(life);
            }
            if life.is_dead() {
                self.restart(place);
            }
        }
    }

    fn restart(&mut self, place: usize) {
        self.started += 1;
        let duty = self.processes[place].duty;
        self.processes[place] = Process::start(&self.world, duty, self.started);
        if place == 0 {
            let mut front = self.front.0.lock().unwrap_or_else(PoisonError::into_inner);
            *front = self.processes[0].clone();
        }
    }
}
