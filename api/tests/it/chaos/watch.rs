//! What the processes use, and who holds which lease, looked at from outside all through a storm.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use uuid::Uuid;

use super::history::{History, What};
use super::world::{PROCESSES, World};

const EVERY: Duration = Duration::from_millis(500);
/// Leases that one look notes.
const LEASES: u32 = 40;

/// Notes what is used until `stop`.
pub(super) fn run(world: &World, history: &History, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        for (process, name) in PROCESSES.iter().enumerate() {
            if let Some((rss_kib, descriptors)) = world.pid(process).and_then(used) {
                let process = (*name).to_owned();
                history.note(What::Used {
                    process,
                    rss_kib,
                    descriptors,
                });
            }
        }
        let bytes = ["jobs", "projection"]
            .map(|store| length(&world.disk.folder().join(format!("{store}.sqlite-wal"))));
        history.note(What::WriteAhead {
            bytes: bytes.iter().sum(),
        });
        // On a full disk the file cannot be looked at.
        for (job, task, token) in leases(world.disk.folder()).unwrap_or_default() {
            history.note(What::Token { job, task, token });
        }
        std::thread::park_timeout(EVERY);
    }
}

/// Tasks that the process of this pid holds now.
pub(super) fn held_by(data: &Path, pid: u32) -> Vec<(Vec<u8>, u32)> {
    let sql = "SELECT jobs.id, tasks.no FROM tasks
               JOIN jobs ON jobs.seq = tasks.job
               JOIN attempts ON attempts.job = tasks.job AND attempts.task = tasks.no AND attempts.n = tasks.attempts
               WHERE tasks.state = 'leased' AND attempts.worker LIKE ?1 || '-%'";
    let rows = || {
        let store = open(data)?;
        let mut select = store.prepare(sql)?;
        let rows = select.query_map([pid.to_string()], |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows.collect::<rusqlite::Result<Vec<_>>>()
    };
    rows().unwrap_or_default()
}

/// Whether these tasks have ended, whoever did them. One that is gone has.
pub(super) fn have_ended(data: &Path, tasks: &[(Vec<u8>, u32)]) -> bool {
    let sql =
        "SELECT EXISTS (SELECT 1 FROM tasks WHERE job = (SELECT seq FROM jobs WHERE id = ?1) AND no = ?2
               AND state IN ('queued', 'leased'))";
    let open = || {
        let store = open(data)?;
        let mut is_open = store.prepare(sql)?;
        tasks.iter().try_fold(false, |any, (job, no)| {
            Ok::<_, rusqlite::Error>(any || is_open.query_row((job, no), |row| row.get(0))?)
        })
    };
    open().is_ok_and(|open| !open)
}

fn leases(data: &Path) -> rusqlite::Result<Vec<(String, u32, i64)>> {
    let store = open(data)?;
    let mut select = store.prepare(
        "SELECT jobs.id, tasks.no, tasks.token FROM tasks JOIN jobs ON jobs.seq = tasks.job
         WHERE tasks.state = 'leased' LIMIT ?1",
    )?;
    let rows = select.query_map([LEASES], |row| {
        Ok((
            Uuid::from_bytes(row.get(0)?).to_string(),
            row.get(1)?,
            row.get(2)?,
        ))
    })?;
    rows.collect()
}

fn open(data: &Path) -> rusqlite::Result<Connection> {
    Connection::open_with_flags(data.join("jobs.sqlite"), OpenFlags::SQLITE_OPEN_READ_ONLY)
}

/// Resident memory and descriptors; `None` when the process is gone.
fn used(pid: u32) -> Option<(u64, u64)> {
    let of = PathBuf::from(format!("/proc/{pid}"));
    let status = std::fs::read_to_string(of.join("status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let rss_kib = line.split_whitespace().next()?.parse().ok()?;
    let descriptors = std::fs::read_dir(of.join("fd")).ok()?.count();
    Some((rss_kib, descriptors as u64))
}

fn length(file: &Path) -> u64 {
    std::fs::metadata(file).map_or(0, |metadata| metadata.len())
}
