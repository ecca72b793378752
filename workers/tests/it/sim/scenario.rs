//! One run: processes start, clients ask, the adversary strikes; then it stops, and within a bound all must be well.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use shared::job::{JobId, JobKind, ReportRequest, Role};
use shared::ports::NewJob;
use tokio_util::task::TaskTracker;

use super::client;
use super::process::{Duty, Process};
use super::verdict::check_job;
use super::world::World;

/// Within this much simulated time everything ends once the adversary has stopped: a wake-up that seems lost is
/// sent again after a minute at the latest.
const HEALED_WITHIN: Duration = Duration::from_secs(180);
/// Within this a report ends while the other queue stands still (P5).
const SERVED_WITHIN: Duration = Duration::from_secs(60);
/// What is asked again has the number of the first time and so much more.
const AGAIN: u128 = 1_000;
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Longer than a record that has left a dead process is under way.
const LAST_RECORDS: Duration = Duration::from_secs(1);

pub(super) struct Scenario {
    world: Arc<World>,
    processes: Vec<Process>,
    front: Front,
    started: u32,
    asked: u128,
    clients: TaskTracker,
}

/// The process that answers clients: always the first one, whichever run of it lives.
#[derive(Clone)]
struct Front(Arc<Mutex<Process>>);

impl Front {
    fn process(&self) -> Process {
        self.0.lock().unwrap().clone()
    }
}

impl Scenario {
    pub(super) fn new(world: Arc<World>) -> Self {
        let workers: &[&[Duty]] = &[
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
        let duties = *world.dice.pick(workers);
        let first = Process::start(&world, duties[0], format!("{:?}0", duties[0]));
        let mut scenario = Self {
            world,
            front: Front(Arc::new(Mutex::new(first.clone()))),
            processes: vec![first],
            started: 0,
            asked: 0,
            clients: TaskTracker::new(),
        };
        for duty in &duties[1..] {
            let process = scenario.start(*duty);
            scenario.processes.push(process);
        }
        scenario
    }

    /// Plays the run to its end, or to the first rule that is broken.
    pub(super) async fn play(mut self) {
        let stalls = self.world.dice.one_in(8);
        if stalls {
            self.world
                .note(&"world", || "the queue of submits stands still".to_owned());
            self.world.broker.stall(Some(JobKind::Submit.queue()));
        }
        for _ in 0..self.world.dice.within(8..=24) {
            self.act();
            let longest_ms = *self.world.dice.pick(&[20, 500, 4_000]);
            let pause = self.world.dice.millis(0..=longest_ms);
            tokio::time::sleep(pause).await;
            if self.world.history.is_violated() {
                return;
            }
        }
        self.world.note(&"world", || "the adversary stops".to_owned());
        self.world.faults.heal();
        self.restart_dead(true);
        if stalls {
            self.serve_other_queue().await;
            self.world.broker.stall(None);
        }
        self.end_well().await;
    }

    /// One thing happens.
    fn act(&mut self) {
        self.restart_dead(false);
        let world = Arc::clone(&self.world);
        let dice = &world.dice;
        match dice.below(23) {
            0..=5 => {
                self.ask_submit();
            }
            6..=9 => {
                let request = client::any_report(&self.world);
                self.ask_report(request);
            }
            10..=12 => self.cancel_some(),
            13..=14 => self.look_at_all(),
            15 => {
                let process = dice.pick(&self.processes);
                self.world.note(&process.life, || "is killed".to_owned());
                self.world.end(&process.life);
            }
            16 => dice.pick(&self.processes).stop(&self.world),
            17 => self
                .world
                .clock
                .jump_wall(*dice.pick(&[-3_600_000, -5_000, 60_000, 7_200_000])),
            18 => self.world.broker.wipe(),
            19 => self.fail_power(),
            20..=21 => self.retry_some(),
            _ => self.delete_some(),
        }
    }

    fn fail_power(&mut self) {
        for process in &self.processes {
            self.world.end(&process.life);
        }
        self.world.fail_power();
        self.restart_dead(true);
    }

    /// Starts what is dead again: all of it, or some.
    fn restart_dead(&mut self, all: bool) {
        for place in 0..self.processes.len() {
            let Process { life, duty, .. } = &self.processes[place];
            // A process that was told to stop and does not come to its end is killed by who told it.
            let stops = life.shutdown.is_cancelled();
            if all && stops && !life.is_dead() {
                self.world.end(life);
            }
            if life.is_dead() && (all || self.world.dice.one_in(2)) {
                let duty = *duty;
                self.processes[place] = self.start(duty);
                if place == 0 {
                    *self.front.0.lock().unwrap() = self.processes[0].clone();
                }
            }
        }
    }

    fn start(&mut self, duty: Duty) -> Process {
        self.started += 1;
        let name = match duty {
            Duty::Api => format!("api{}", self.started),
            Duty::Workers(_) => format!("worker{}", self.started),
            Duty::Embedded => format!("both{}", self.started),
        };
        Process::start(&self.world, duty, name)
    }

    fn ask_submit(&mut self) -> JobId {
        self.asked += 1;
        let job = client::new_submit(&self.world, self.asked);
        self.ask(job)
    }

    fn ask_report(&mut self, request: ReportRequest) -> JobId {
        self.asked += 1;
        let job = client::new_report(&self.world, self.asked, request);
        self.ask(job)
    }

    fn ask(&mut self, mut job: NewJob) -> JobId {
        let number = self.asked;
        let (id, world, front) = (job.id, Arc::clone(&self.world), self.front.clone());
        self.clients.spawn(async move {
            for time in 1..=3 {
                if client::submit(&world, &front.process(), job.clone()).await || world.dice.one_in(3) {
                    return;
                }
                // The same request again, as after an unknown outcome (P3), or by a client with its key.
                if world.dice.one_in(2) {
                    job = client::again(&world, &job, number + AGAIN * time);
                }
            }
        });
        id
    }

    fn cancel_some(&self) {
        let known = self.world.states.jobs();
        if known.is_empty() {
            return;
        }
        let (id, _) = *self.world.dice.pick(&known);
        let (world, front) = (Arc::clone(&self.world), self.front.clone());
        self.clients
            .spawn(async move { client::cancel(&world, &front.process(), id).await });
    }

    fn retry_some(&mut self) {
        self.asked += 1;
        let known = self.world.states.jobs();
        if !known.is_empty() {
            let ((of, _), number) = (*self.world.dice.pick(&known), self.asked);
            let (world, front) = (Arc::clone(&self.world), self.front.clone());
            self.clients
                .spawn(async move { client::retry(&world, &front.process(), of, number).await });
        }
    }

    /// Who removes a job has been told of it: nobody asks for it again.
    fn delete_some(&self) {
        let known = self.world.ledger.accepted();
        if !known.is_empty() {
            let id = *self.world.dice.pick(&known);
            let (world, front) = (Arc::clone(&self.world), self.front.clone());
            self.clients
                .spawn(async move { client::delete(&world, &front.process(), id).await });
        }
    }

    fn look_at_all(&self) {
        for (id, _) in self.world.states.jobs() {
            let (world, front) = (Arc::clone(&self.world), self.front.clone());
            self.clients
                .spawn(async move { client::look(&world, &front.process(), id).await });
        }
    }

    /// P5: what one queue has waiting does not hold up the other.
    async fn serve_other_queue(&mut self) {
        for _ in 0..2 {
            self.ask_submit();
        }
        let request = ReportRequest {
            fresh: false,
            ..ReportRequest::default()
        };
        let report = self.ask_report(request);
        let served = self.until(SERVED_WITHIN, |world| {
            let jobs = world.states.jobs();
            // It may have been asked again.
            let is_it = |id: &JobId| id.0.as_u128() % AGAIN == report.0.as_u128();
            jobs.iter().any(|(id, state)| is_it(id) && state.is_terminal())
        });
        if !served.await {
            self.world.history.violate("P5", || {
                format!("report {report} waits behind the queue of submits")
            });
        }
    }

    /// Everything ends, a last report includes all, and everybody looks once more.
    async fn end_well(&mut self) {
        self.clients.close();
        self.clients.wait().await;
        if !self.all_ended(None).await {
            return;
        }
        tokio::time::sleep(LAST_RECORDS).await;
        let last = self.ask_report(ReportRequest::default());
        if !self.all_ended(Some(last)).await {
            return;
        }
        for (id, _) in self.world.states.jobs() {
            client::look(&self.world, &self.front.process(), id).await;
        }
        self.judge();
    }

    /// Whether every job ends in time, and this one has been among them.
    async fn all_ended(&self, last: Option<JobId>) -> bool {
        let ended = self.until(HEALED_WITHIN, |world| {
            let jobs = world.states.jobs();
            let is_it = |id: &JobId| last.is_none_or(|last| id.0.as_u128() % AGAIN == last.0.as_u128());
            let known = last.is_none() || jobs.iter().any(|(id, _)| is_it(id));
            known && jobs.iter().all(|(_, state)| state.is_terminal())
        });
        let ended = ended.await;
        if !ended {
            let open = self.world.states.open_work();
            self.world
                .history
                .violate("every job ends", || format!("these did not: {open}"));
        }
        ended
    }

    fn judge(&self) {
        let World {
            ledger,
            states,
            history,
            log,
            positions,
            ..
        } = &*self.world;
        for id in ledger.accepted() {
            match ledger.get(id).and_then(|entry| entry.ended) {
                Some(job) => check_job(&self.world, &job),
                None if ledger.get(id).is_some_and(|entry| entry.may_be_gone) => {}
                None => history.violate("P1", || format!("the accepted job {id} is not there")),
            }
        }
        for (id, state) in states.jobs() {
            if ledger.get(id).is_none_or(|entry| entry.ended.is_none()) {
                history.violate("design 4", || {
                    format!("job {id} is {state}, and nobody sees it ended")
                });
            }
        }
        self.judge_keys();
        let positions = positions.now();
        for end in log.ends() {
            if positions.get(&end.partition).copied().unwrap_or(0) != end.next_offset {
                history.violate("P16", || {
                    format!("the log ends at {end:?}, and {positions:?} is folded")
                });
            }
        }
    }

    /// One key, one job.
    fn judge_keys(&self) {
        let World {
            ledger,
            states,
            history,
            ..
        } = &*self.world;
        let mut jobs_by_key = BTreeMap::new();
        for (id, _) in states.jobs() {
            let key = ledger.get(id).and_then(|entry| entry.key);
            if let Some(other) = key.and_then(|key| jobs_by_key.insert(key, id)) {
                history.violate("contract 3", || format!("one key made the jobs {other} and {id}"));
            }
        }
    }

    /// Whether it comes true in time, or a rule is broken before.
    async fn until(&self, bound: Duration, come_true: impl Fn(&World) -> bool) -> bool {
        let waited = async {
            while !come_true(&self.world) && !self.world.history.is_violated() {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        tokio::time::timeout(bound, waited).await.is_ok()
    }
}
