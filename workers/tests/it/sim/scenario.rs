//! One run: processes start, clients ask, the adversary strikes; then it stops, and within a bound all must be well.

use std::sync::Arc;
use std::time::Duration;

use shared::job::{JobId, JobKind, ReportRequest};
use shared::ports::NewJob;
use tokio_util::task::TaskTracker;

use super::fleet::Fleet;
use super::process::Process;
use super::verdict::check_world;
use super::world::World;
use super::{client, request};

/// Within this much simulated time everything ends once the adversary has stopped: a wake-up that seems lost is
/// sent again after a minute at the latest.
const HEALED_WITHIN: Duration = Duration::from_secs(180);
/// Within this a report ends while the other queue stands still (P5).
const SERVED_WITHIN: Duration = Duration::from_secs(60);
/// How often it is looked whether something has come true.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// What is asked again has the number of the first time and so much more.
const AGAIN: u128 = 1_000;

pub(super) struct Scenario {
    world: Arc<World>,
    fleet: Fleet,
    /// Jobs asked for so far; the next one's number is its id.
    asked: u128,
    clients: TaskTracker,
}

impl Scenario {
    pub(super) fn new(world: Arc<World>) -> Self {
        Self {
            fleet: Fleet::start(Arc::clone(&world)),
            world,
            asked: 0,
            clients: TaskTracker::new(),
        }
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
        self.fleet.restart_all();
        if stalls {
            self.serve_other_queue().await;
            self.world.broker.stall(None);
        }
        self.end_well().await;
    }

    /// One thing happens.
    fn act(&mut self) {
        self.fleet.restart_some();
        let world = Arc::clone(&self.world);
        match world.dice.below(25) {
            0..=5 => drop(self.ask_submit()),
            6..=9 => drop(self.ask_report(request::any_report(&world))),
            10..=12 => self.cancel_some(),
            13..=14 => self.look_at_all(),
            15..=16 => self.retry_some(),
            17 => self.delete_some(),
            18 => self.fleet.kill_one(),
            19 => self.fleet.stop_one(),
            20 => self.fleet.fail_power(),
            21 => world.broker.wipe(),
            22..=23 => self.fleet.pause_one(),
            _ => world
                .clock
                .jump_wall(*world.dice.pick(&[-3_600_000, -5_000, 60_000, 7_200_000])),
        }
    }

    fn ask_submit(&mut self) -> JobId {
        self.asked += 1;
        let job = request::new_submit(&self.world, self.asked);
        self.ask(job)
    }

    fn ask_report(&mut self, report: ReportRequest) -> JobId {
        self.asked += 1;
        let job = request::new_report(&self.world, self.asked, report);
        self.ask(job)
    }

    fn ask(&mut self, mut job: NewJob) -> JobId {
        let (id, number) = (job.id, self.asked);
        let (world, front) = (Arc::clone(&self.world), self.fleet.front());
        self.clients.spawn(async move {
            for time in 1..=6 {
                if client::submit(&world, &front.process(), job.clone()).await
                    || world.faults.strike(&world.dice, 3)
                {
                    return;
                }
                // The same request again, as after an unknown outcome (P3), or by a client with its key.
                if world.dice.one_in(2) {
                    job = request::again(&world, &job, number + AGAIN * time);
                }
            }
        });
        id
    }

    fn cancel_some(&self) {
        if let Some(id) = self.any(&self.stored()) {
            self.client(|world, api| async move { client::cancel(&world, &api, id).await });
        }
    }

    fn retry_some(&mut self) {
        self.asked += 1;
        let number = self.asked;
        if let Some(id) = self.any(&self.stored()) {
            self.client(|world, api| async move { client::retry(&world, &api, id, number).await });
        }
    }

    fn delete_some(&self) {
        // Who removes a job has been told of it: nobody asks for it again.
        if let Some(id) = self.any(&self.world.ledger.accepted()) {
            self.client(|world, api| async move { client::delete(&world, &api, id).await });
        }
    }

    fn look_at_all(&self) {
        for id in self.stored() {
            self.client(|world, api| async move { client::look(&world, &api, id).await });
        }
    }

    /// A client does something at the process that answers now.
    fn client<F>(&self, act: impl FnOnce(Arc<World>, Process) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let api = self.fleet.front().process();
        self.clients.spawn(act(Arc::clone(&self.world), api));
    }

    fn stored(&self) -> Vec<JobId> {
        self.world.states.jobs().into_iter().map(|(id, _)| id).collect()
    }

    fn any(&self, ids: &[JobId]) -> Option<JobId> {
        (!ids.is_empty()).then(|| *self.world.dice.pick(ids))
    }

    /// P5: what one queue has waiting does not hold up the other.
    async fn serve_other_queue(&mut self) {
        for _ in 0..2 {
            self.ask_submit();
        }
        let report = self.ask_report(ReportRequest {
            fresh: false,
            ..ReportRequest::default()
        });
        let served = self.until(SERVED_WITHIN, |world| {
            let jobs = world.states.jobs();
            let mut reports = jobs.iter().filter(|(id, _)| is_or_is_again(*id, report));
            reports.any(|(_, state)| state.is_terminal())
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
        let last = self.ask_report(ReportRequest::default());
        if !self.all_ended(Some(last)).await {
            return;
        }
        // Who stood still may still publish what it had begun.
        let folded = self.until(HEALED_WITHIN, |world| world.positions.are_at(&world.log.ends()));
        if !folded.await {
            self.world.history.violate("P16", || {
                "the projection does not reach the end of the log".to_owned()
            });
        }
        for id in self.stored() {
            client::look(&self.world, &self.fleet.front().process(), id).await;
        }
        check_world(&self.world);
    }

    /// Whether every job ends in time, and this one has been among them.
    async fn all_ended(&self, last: Option<JobId>) -> bool {
        let ended = self.until(HEALED_WITHIN, |world| {
            let jobs = world.states.jobs();
            let known = last.is_none_or(|last| jobs.iter().any(|(id, _)| is_or_is_again(*id, last)));
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

/// Whether a job is what was asked for as `first`, perhaps asked for again.
fn is_or_is_again(id: JobId, first: JobId) -> bool {
    id.0.as_u128() % AGAIN == first.0.as_u128()
}
