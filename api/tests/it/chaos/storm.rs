//! A storm: clients that go on, faults that come and go, and then calm.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::client::Client;
use super::faults::{self, Fault};
use super::figures::Figures;
use super::history::{self, History, What};
use super::observer::Observer;
use super::world::{API, LEASE, World};
use super::{say, watch};
use crate::census::{BOUND, StopOnDrop};

const CLIENTS: usize = 4;
/// Long enough for a process to have tasks in its hands.
const BUSY_WITHIN: Duration = Duration::from_secs(3);

/// Lets it storm for `length`, waits for calm, and looks at everything once more. The history is complete then.
pub(super) fn run(world: &World, seed: u64, length: Duration, notes: &Path) {
    let history = History::begin(notes);
    let observer = Observer::new(world.base(API), &history);
    let (stop, answers) = (AtomicBool::new(false), AtomicU64::new(0));
    let base = world.base(API);
    let mut figures = Figures::default();
    // Both roles are at work before anything is done to them.
    observer.recovery();
    std::thread::scope(|scope| {
        let _clients_stop = StopOnDrop(&stop);
        for number in 0..CLIENTS {
            let client = Client::new(number, seed, &base, &history);
            scope.spawn(|| client.run(&stop, &answers));
        }
        scope.spawn(|| watch::run(world, &history, &stop));
        let mut storm = Storm {
            world,
            history: &history,
            observer: &observer,
            rng: ChaCha8Rng::seed_from_u64(seed),
            figures: &mut figures,
        };
        storm.blow(length);
    });
    say(&format!(
        "{} requests, then calm",
        answers.load(Ordering::Relaxed)
    ));
    let calm = Instant::now();
    observer.settle();
    figures.note("the storm: until every job had ended".to_owned(), calm.elapsed());
    observer.look_at_all(accepted(notes));
    say(&figures.table());
}

struct Storm<'s> {
    world: &'s World,
    history: &'s History,
    observer: &'s Observer<'s>,
    rng: ChaCha8Rng,
    figures: &'s mut Figures,
}

impl Storm<'_> {
    /// Every fault in turn, in an order of the seed, every other one together with another; again and again.
    fn blow(&mut self, length: Duration) {
        let started = Instant::now();
        let mut turn: Vec<Fault> = Vec::new();
        while started.elapsed() < length {
            if turn.is_empty() {
                turn = faults::all();
                turn.retain(|fault| fault.is_possible(self.world));
                turn.shuffle(&mut self.rng);
            }
            let first = turn.pop().expect("there are faults");
            let together = self.rng.random_bool(0.5);
            let second = together
                .then(|| turn.iter().position(|other| !first.meets(*other)))
                .flatten();
            match second.map(|place| turn.remove(place)) {
                Some(second) => self.two(first, second),
                None => self.one(first),
            }
            self.world.assert_alive();
        }
    }

    fn one(&mut self, fault: Fault) {
        self.tell(format!("{fault:?}"));
        match fault {
            Fault::Killed(process) if process != API => self.kill_busy(process),
            _ => {
                fault.begin(self.world);
                let lasts = fault.lasts(&mut self.rng);
                std::thread::park_timeout(lasts);
            }
        }
        fault.end(self.world);
        self.tell("calm".to_owned());
        let took = self.observer.recovery();
        self.figures
            .note(format!("{fault:?}, until a new job had ended"), took);
    }

    fn two(&mut self, first: Fault, second: Fault) {
        self.tell(format!("{first:?} and {second:?}"));
        first.begin(self.world);
        let lasts = first.lasts(&mut self.rng) / 2;
        std::thread::park_timeout(lasts);
        second.begin(self.world);
        std::thread::park_timeout(lasts);
        first.end(self.world);
        let lasts = second.lasts(&mut self.rng);
        std::thread::park_timeout(lasts);
        second.end(self.world);
        self.tell("calm".to_owned());
        let took = self.observer.recovery();
        self.figures
            .note("two faults together, until a new job had ended".to_owned(), took);
    }

    /// Kills a process that holds tasks, and waits until another has ended them.
    fn kill_busy(&mut self, process: usize) {
        let pid = self.world.pid(process).expect("it runs between faults");
        let data = self.world.disk.folder();
        let looked = Instant::now();
        let mut held = watch::held_by(data, pid);
        while held.is_empty() && looked.elapsed() < BUSY_WITHIN {
            std::thread::park_timeout(Duration::from_millis(1));
            held = watch::held_by(data, pid);
        }
        self.world.kill(process);
        let killed = Instant::now();
        while !watch::have_ended(data, &held) {
            assert!(
                killed.elapsed() < BOUND,
                "nobody takes up what a dead process left: {held:?}"
            );
            std::thread::park_timeout(Duration::from_millis(20));
        }
        if !held.is_empty() {
            let after = format!(
                "a worker's death, until its tasks had ended (lease {} s)",
                LEASE.as_secs()
            );
            self.figures.note(after, killed.elapsed());
        }
    }

    fn tell(&self, fault: String) {
        say(&fault);
        self.history.note(What::Fault { fault });
    }
}

/// Ids of all jobs whose acceptance somebody saw.
fn accepted(notes: &Path) -> BTreeSet<String> {
    let lines = history::read(notes);
    let answers = lines.into_iter().filter_map(|line| match line.what {
        What::Answered { answer, .. } => Some(answer),
        _ => None,
    });
    let jobs = answers.filter(|answer| answer.status == 202);
    jobs.filter_map(|answer| answer.body["id"].as_str().map(str::to_owned))
        .collect()
}
