//! What the callers of one batch add up, written once before its commit: the visible changes and the number of the last,
//! the counts of jobs that have not ended, and the highest record of each partition (P17).

use rusqlite::{Connection, params};

use super::changes;
use crate::adapters::sqlite::Notes;
use crate::job::{JobKind, JobState};
use crate::ports::{JobChange, RecordMark};

/// The sums of one batch.
#[derive(Clone, Default)]
pub(super) struct Sums {
    noted: u64,
    last_change: Option<i64>,
    changes: Vec<JobChange>,
    /// Jobs that have not ended, counted when the first caller asked.
    open_jobs: Option<i64>,
    /// Whether anybody waits for the end of a job, looked up when the first job of the batch ended.
    waits: Option<bool>,
    moved: Vec<(JobKind, JobState, i64)>,
    marks: Vec<RecordMark>,
}

impl Sums {
    /// A visible change of a job; returns its number.
    pub(super) fn change(&mut self, connection: &Connection, change: JobChange) -> rusqlite::Result<i64> {
        let last = match self.last_change {
            Some(last) => last,
            None => connection
                .prepare_cached("SELECT change_seq FROM meta WHERE one = 1")?
                .query_row([], |row| row.get(0))?,
        };
        self.noted += 1;
        self.changes.push(change);
        self.last_change = Some(last + 1);
        Ok(last + 1)
    }

    /// Jobs that have not ended.
    pub(super) fn open_jobs(&mut self, connection: &Connection) -> rusqlite::Result<i64> {
        if let Some(open) = self.open_jobs {
            return Ok(open);
        }
        let written: i64 = connection
            .prepare_cached("SELECT ifnull(sum(n), 0) FROM counts")?
            .query_row([], |row| row.get(0))?;
        let open = written + self.moved.iter().map(|(_, _, jobs)| jobs).sum::<i64>();
        self.open_jobs = Some(open);
        Ok(open)
    }

    /// Whether anybody waits for the end of any job.
    pub(super) fn anybody_waits(&mut self, connection: &Connection) -> rusqlite::Result<bool> {
        if let Some(waits) = self.waits {
            return Ok(waits);
        }
        let waits = connection
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM waits)")?
            .query_row([], |row| row.get(0))?;
        self.waits = Some(waits);
        Ok(waits)
    }

    /// Somebody does from now on.
    pub(super) fn note_waiter(&mut self) {
        self.waits = Some(true);
    }

    /// A job is in this state now, and has not ended.
    pub(super) fn enter(&mut self, kind: JobKind, state: JobState) {
        self.add(kind, state, 1);
    }

    /// A job was in this state.
    pub(super) fn leave(&mut self, kind: JobKind, state: JobState) {
        self.add(kind, state, -1);
    }

    fn add(&mut self, kind: JobKind, state: JobState, jobs: i64) {
        self.noted += 1;
        self.open_jobs = self.open_jobs.map(|open| open + jobs);
        let moved = self
            .moved
            .iter_mut()
            .find(|moved| (moved.0, moved.1) == (kind, state));
        match moved {
            Some(moved) => moved.2 += jobs,
            None => self.moved.push((kind, state, jobs)),
        }
    }

    /// Keeps the highest offset of each partition.
    pub(super) fn keep_mark(&mut self, mark: &RecordMark) {
        self.noted += 1;
        match self
            .marks
            .iter_mut()
            .find(|kept| kept.partition == mark.partition)
        {
            Some(kept) if kept.offset < mark.offset => kept.clone_from(mark),
            Some(_) => {}
            None => self.marks.push(mark.clone()),
        }
    }

    /// Forgets the marks that this batch has kept so far.
    pub(super) fn forget_marks(&mut self) {
        self.noted += 1;
        self.marks.clear();
    }
}

impl Notes for Sums {
    fn count(&self) -> u64 {
        self.noted
    }

    fn write(&self, connection: &Connection) -> rusqlite::Result<()> {
        if let Some(last) = self.last_change {
            connection
                .prepare_cached("UPDATE meta SET change_seq = ?1 WHERE one = 1")?
                .execute([last])?;
            changes::keep(connection, last, &self.changes)?;
        }
        for (kind, state, jobs) in self.moved.iter().filter(|(_, _, jobs)| *jobs != 0) {
            connection
                .prepare_cached(
                    "INSERT INTO counts (kind, state, n) VALUES (?1, ?2, ?3)
                     ON CONFLICT DO UPDATE SET n = n + excluded.n",
                )?
                .execute(params![kind.as_str(), state.as_str(), jobs])?;
        }
        for mark in &self.marks {
            connection
                .prepare_cached(
                    "INSERT INTO log_marks (partition, record_offset, event_id) VALUES (?1, ?2, ?3)
                     ON CONFLICT DO UPDATE SET record_offset = excluded.record_offset, event_id = excluded.event_id
                     WHERE excluded.record_offset > record_offset",
                )?
                .execute(params![mark.partition, mark.offset, mark.event_id])?;
        }
        Ok(())
    }
}
