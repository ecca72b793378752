//! Watches the job store commit by commit: states move as `job/state.rs` says, what has ended stays as it is,
//! revisions and tokens rise, and only who claimed a task takes it out of its lease.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;
use shared::job::{JobId, JobState, JobTransition, TaskState, TaskTally, TaskTransition};
use uuid::Uuid;

use super::history::History;
use super::life::Life;

pub(super) struct States {
    history: Arc<History>,
    inside: Mutex<Inside>,
}

#[derive(Default)]
struct Inside {
    jobs: BTreeMap<JobId, Job>,
    tasks: BTreeMap<(JobId, u32), Task>,
    /// Jobs of which a task was ever claimed, whatever became of that claim.
    ever_leased: BTreeSet<JobId>,
    /// Jobs with a task with which four processes vanished: once in company, three times alone (P13).
    deadly: BTreeSet<JobId>,
}

#[derive(Clone, Debug)]
struct Job {
    state: JobState,
    revision: i64,
}

#[derive(Clone, Debug)]
struct Task {
    state: TaskState,
    token: i64,
    dispatch_no: i64,
    standing: String,
    deaths: u32,
    /// Who claimed it last.
    owner: String,
}

/// Writes that move neither job nor task.
const QUIET: [&str; 5] = ["hold_rescuer", "stage", "discard", "sweep", "drop_staged"];

impl States {
    pub(super) fn new(history: Arc<History>) -> Self {
        Self {
            history,
            inside: Mutex::default(),
        }
    }

    /// Compares what a commit left behind with what was there before.
    pub(super) fn see(&self, operation: &'static str, life: &Life, connection: &Connection) {
        if QUIET.contains(&operation) {
            return;
        }
        let (jobs, tasks) = read(connection).expect("the tables of the job store can be read");
        let mut inside = self.inside();
        for (id, job) in &jobs {
            self.compare_job(&inside, operation, life, *id, job);
        }
        for (id, before) in &inside.jobs {
            let removes = ["delete", "purge"].contains(&operation) && before.state.is_terminal();
            if jobs.contains_key(id) {
                continue;
            }
            self.history.note(life, || format!("{operation}: {id} is gone"));
            if !removes {
                self.history.violate("P1", || {
                    format!("{operation} removed job {id}, which was {}", before.state)
                });
            }
        }
        let mut kept = BTreeMap::new();
        for (name, mut task) in tasks {
            let before = inside.tasks.get(&name);
            task.owner = before.map_or_else(String::new, |before| before.owner.clone());
            if before.is_some_and(|before| before.token < task.token) {
                task.owner.clone_from(&life.name);
                inside.ever_leased.insert(name.0);
            }
            if task.deaths > 3 {
                inside.deadly.insert(name.0);
            }
            self.compare_task(&inside, operation, life, name, &task, &jobs);
            kept.insert(name, task);
        }
        inside.jobs = jobs;
        inside.tasks = kept;
    }

    /// After a power failure: older states may stand there again, but for those that were flushed.
    pub(super) fn restart(&self, connection: &Connection) {
        let (jobs, tasks) = read(connection).expect("the tables of the job store can be read");
        let mut inside = self.inside();
        for (id, before) in &inside.jobs {
            let now = jobs.get(id).map(|job| job.state);
            if before.state.is_terminal() && now != Some(before.state) {
                self.history.violate("P2", || {
                    format!(
                        "the power failed, and job {id} is {now:?} that had been {}",
                        before.state
                    )
                });
            }
        }
        inside.jobs = jobs;
        inside.tasks = tasks;
    }

    /// Ids of the jobs that stand in the store, and their states.
    pub(super) fn jobs(&self) -> Vec<(JobId, JobState)> {
        let inside = self.inside();
        inside.jobs.iter().map(|(id, job)| (*id, job.state)).collect()
    }

    pub(super) fn was_ever_leased(&self, id: JobId) -> bool {
        self.inside().ever_leased.contains(&id)
    }

    /// Whether a process has vanished with a task of this job as often as P13 asks for.
    pub(super) fn has_killed(&self, id: JobId) -> bool {
        self.inside().deadly.contains(&id)
    }

    /// How things stand, for a run that does not end.
    pub(super) fn open_work(&self) -> String {
        let inside = self.inside();
        let jobs = inside.jobs.iter().filter(|(_, job)| !job.state.is_terminal());
        let tasks = inside.tasks.iter().filter(|(_, task)| !task.state.is_terminal());
        format!("{:?} {:?}", jobs.collect::<Vec<_>>(), tasks.collect::<Vec<_>>())
    }

    fn compare_job(&self, inside: &Inside, operation: &str, life: &Life, id: JobId, job: &Job) {
        let Some(before) = inside.jobs.get(&id) else {
            self.history.note(life, || format!("{operation}: {id} is there"));
            return;
        };
        if before.state != job.state {
            self.history.note(life, || {
                format!("{operation}: {id} {} -> {}", before.state, job.state)
            });
            if !may_follow(before.state, job.state) {
                self.history.violate("design 4", || {
                    format!(
                        "{operation} moved job {id} from {} to {}",
                        before.state, job.state
                    )
                });
            }
        }
        let rises = match before.state == job.state {
            true => job.revision >= before.revision,
            false => job.revision > before.revision,
        };
        if !rises {
            self.history.violate("contract 2", || {
                format!(
                    "{operation} left job {id} at revision {} after {}",
                    job.revision, before.revision
                )
            });
        }
    }

    fn compare_task(
        &self,
        inside: &Inside,
        operation: &str,
        life: &Life,
        name: (JobId, u32),
        task: &Task,
        jobs: &BTreeMap<JobId, Job>,
    ) {
        let (id, no) = name;
        let job = jobs.get(&id).expect("every task has a job").state;
        if job.is_terminal() && !task.state.is_terminal() {
            self.history.violate("P7", || {
                format!("{operation} ended job {id} as {job}, and its task {no} is {task:?}")
            });
        }
        let Some(before) = inside.tasks.get(&name) else {
            return;
        };
        let moved = before.state != task.state || before.token != task.token;
        if moved || before.standing != task.standing {
            self.history.note(life, || {
                format!(
                    "{operation}: {id}/{no} {} {} -> {} {} (token {})",
                    before.state.as_str(),
                    before.standing,
                    task.state.as_str(),
                    task.standing,
                    task.token
                )
            });
        }
        if !moved {
            return;
        }
        let was = inside.jobs.get(&id).map_or(job, |job| job.state);
        let follows = TaskTransition::ALL.into_iter().any(|transition| {
            [was, job]
                .into_iter()
                .any(|job| transition.apply(before.state, job) == Some(task.state))
        });
        if !follows {
            self.history.violate("design 4", || {
                format!("{operation} moved task {id}/{no} from {before:?} to {task:?}")
            });
        }
        if task.token != before.token + i64::from(task.state == TaskState::Leased) {
            self.history.violate("P7", || {
                format!("{operation} moved task {id}/{no} from {before:?} to {task:?}")
            });
        }
        if task.state == TaskState::Queued && task.dispatch_no <= before.dispatch_no {
            self.history.violate("P6", || {
                format!("{operation} returned task {id}/{no} as {task:?} after {before:?}")
            });
        }
        if operation == "finish" && before.owner != life.name {
            self.history.violate("P7", || {
                format!(
                    "{life} wrote an outcome of task {id}/{no}, which {} had claimed",
                    before.owner
                )
            });
        }
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether one transition leads from one state of a job to the other.
fn may_follow(from: JobState, to: JobState) -> bool {
    let ends = [(1, 0, false), (1, 0, true), (1, 1, false), (0, 1, false)];
    let ends = ends.map(|(succeeded, failed, rejects)| {
        JobTransition::End(TaskTally {
            succeeded,
            failed,
            rejects,
        })
    });
    let others = [
        JobTransition::Start,
        JobTransition::Cancel { leased: false },
        JobTransition::Cancel { leased: true },
    ];
    let mut all = ends.into_iter().chain(others);
    all.any(|transition| transition.apply(from) == Some(to))
}

type Tables = (BTreeMap<JobId, Job>, BTreeMap<(JobId, u32), Task>);

fn read(connection: &Connection) -> rusqlite::Result<Tables> {
    let mut ids = BTreeMap::new();
    let mut jobs = BTreeMap::new();
    let mut statement = connection.prepare_cached("SELECT seq, id, state, revision FROM jobs")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let id = JobId(Uuid::from_bytes(row.get(1)?));
        ids.insert(row.get::<_, i64>(0)?, id);
        let state = JobState::from_name(row.get_ref(2)?.as_str()?).expect("a state of a job");
        let revision = row.get(3)?;
        jobs.insert(id, Job { state, revision });
    }
    let mut tasks = BTreeMap::new();
    let mut statement = connection
        .prepare_cached("SELECT job, no, state, token, dispatch_no, standing, deaths FROM tasks")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let name = row.get_ref(2)?.as_str()?;
        let state = TaskState::ALL.into_iter().find(|state| state.as_str() == name);
        let task = Task {
            state: state.expect("a state of a task"),
            token: row.get(3)?,
            dispatch_no: row.get(4)?,
            standing: row.get(5)?,
            deaths: row.get(6)?,
            owner: String::new(),
        };
        tasks.insert((ids[&row.get(0)?], row.get(1)?), task);
    }
    Ok((jobs, tasks))
}
