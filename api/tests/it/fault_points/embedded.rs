//! The whole product in one process, killed at each point.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;

use serde_json::json;
use shared::faults::points;

use super::drive::{Client, broken_off_import};
use super::recovery::assert_whole;
use super::{for_each_at_once, kill_at, mailing, operator, store_file};
use crate::census::{Census, SIGKILL, data_folder};
use crate::truth::Log;

/// How a process is brought to a point.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// Everybody's requests pass it; it dies there at its nth time.
    Usual(u32),
    /// The same over a projection so slow that every report has to wait for it.
    SlowFold(u32),
    /// A body that is staged.
    LongBody,
    /// A body that breaks off after it was staged.
    BrokenBody,
    /// A start after a death in the middle of an upload, much later.
    LateStart,
    /// A start after a death that left a task leased.
    SecondStart,
    /// An attempt that takes longer than a heartbeat.
    SlowAttempt,
    /// More tasks than one process executes at a time: the rest are sent and not claimed.
    FullHands,
    /// A report that its deadline meets.
    Deadline,
    /// A start over a log that is another one, with a report that waits for it.
    LostLog,
    /// A rebuild of the counts, by hand, over so many events.
    Rebuild(u32),
    /// A rebuild that is told to stop.
    BrokenRebuild,
    /// The repair of a log that was lost, by hand.
    Repair,
    /// The first start over a folder, which keeps the configured schedule.
    FirstStart,
    /// A schedule or a mail.
    Mailing,
    /// `SIGTERM`.
    CleanStop,
    /// None in this profile: see `brokers.rs`.
    NotHere,
}

fn ways(point: &str) -> Vec<Way> {
    let (step, _) = point.split_once('/').expect("a point has two parts");
    match step {
        "park" | "wake" => vec![Way::SlowFold(1), Way::SlowFold(3)],
        "stage" => vec![Way::LongBody],
        "discard" | "drop_staged" => vec![Way::BrokenBody],
        "sweep" => vec![Way::LateStart],
        "void_leases" => vec![Way::SecondStart],
        "heartbeat" => vec![Way::SlowAttempt],
        "resend" => vec![Way::FullHands],
        "expire_reports" => vec![Way::Deadline],
        "fail_parked" => vec![Way::LostLog],
        "begin_rebuild" | "flip" => vec![Way::Rebuild(300)],
        // More than one batch.
        "fold_next" => vec![Way::Rebuild(60_000)],
        "abandon_rebuild" => vec![Way::BrokenRebuild],
        "forget_log_marks" => vec![Way::Repair],
        "release_projector" => vec![Way::CleanStop],
        "keep_configured" => vec![Way::FirstStart],
        "add_schedule" | "remove_schedule" | "fire" | "mail" | "note_mailed" => vec![Way::Mailing],
        // No holder of a lease outlives the process, and no stranger can write to its queue.
        "rescue_lapsed" | "run_alone" | "consume" => vec![Way::NotHere],
        _ => vec![Way::Usual(1), Way::Usual(3)],
    }
}

#[test]
fn a_process_that_dies_at_any_point_loses_nothing_and_counts_nothing_twice() {
    let each: Vec<_> = points()
        .iter()
        .flat_map(|point| ways(point).into_iter().map(|way| (point.clone(), way)))
        .collect();
    for_each_at_once(&each, |point, way| die_at(point, *way));
}

fn die_at(point: &str, way: Way) {
    let data = data_folder();
    let mut client = Client::default();
    match way {
        Way::Usual(nth) | Way::SlowFold(nth) => {
            let slow = match way {
                Way::SlowFold(_) => "fold/before-commit=sleep(200);",
                _ => "",
            };
            let faults = format!("{slow}{}", kill_at(point, nth));
            if let Some(mut census) = armed(data.path(), &faults) {
                client.usual(&mut census, Census::has_ended);
                census.killed_itself();
            }
        }
        Way::LongBody => {
            let census = armed(data.path(), &kill_at(point, 2)).expect("no body was staged yet");
            client.long_import(&census);
            census.killed_itself();
        }
        Way::BrokenBody => {
            let census = armed(data.path(), &kill_at(point, 1)).expect("no body was staged yet");
            broken_off_import(&census);
            census.killed_itself();
        }
        Way::LateStart => {
            let census =
                armed(data.path(), &kill_at("stage/after-commit", 2)).expect("no body was staged yet");
            client.long_import(&census);
            census.killed_itself();
            store_file::let_uploads_lapse(data.path());
            dies_soon(data.path(), point);
        }
        Way::SecondStart => {
            let census =
                armed(data.path(), &kill_at("claim/after-commit", 1)).expect("nothing was claimed yet");
            client.sample(&census);
            census.killed_itself();
            dies_soon(data.path(), point);
        }
        Way::SlowAttempt => {
            let census = armed(data.path(), &slow_log(point)).expect("nothing was attempted yet");
            client.sample(&census);
            census.killed_itself();
        }
        Way::FullHands => {
            let census = armed(data.path(), &slow_log(point)).expect("nothing was sent yet");
            // It may die before the last one is sent; the first that is not answered is sent again.
            let _unanswered = (0..=HANDS).find(|_| client.samples(&census, 1).is_none());
            census.killed_itself();
        }
        Way::Deadline => {
            let census = armed(data.path(), &slow_log(point)).expect("no report was asked for yet");
            let slow = client.sample(&census).expect("the api answers");
            client.late_report(&census, &slow);
            census.killed_itself();
        }
        Way::FirstStart => {
            dies_soon(data.path(), point);
            mailing::keep_configured(data.path());
        }
        Way::Mailing => return mailing::die_at(point),
        Way::LostLog => return lose_the_log(data.path(), point),
        Way::CleanStop => {
            let mut census = armed(data.path(), &kill_at(point, 1)).expect("nothing was stopped yet");
            let mut rounds = 0..2;
            client.usual(&mut census, |_| rounds.next().is_none());
            census.terminate();
        }
        Way::Rebuild(events) => {
            operator::fill(data.path(), &mut client, events);
            operator::dies(data.path(), "rebuild", &kill_at(point, 1));
            operator::succeeds(data.path(), "rebuild");
        }
        Way::BrokenRebuild => {
            operator::fill(data.path(), &mut client, 300);
            operator::dies_when_told_to_stop(data.path(), &kill_at(point, 1));
            operator::succeeds(data.path(), "rebuild");
        }
        Way::Repair => {
            operator::fill(data.path(), &mut client, 300);
            store_file::lose_log(data.path());
            operator::dies(data.path(), "repair-log --yes", &kill_at(point, 1));
            operator::succeeds(data.path(), "repair-log --yes");
            client.repaired = true;
        }
        Way::NotHere => return,
    }
    let census = Census::start(flags(data.path()));
    assert_whole(&census, &mut client, || Log::of_sqlite(data.path()));
}

/// Attempts that the process executes at a time.
const HANDS: usize = 64;

/// A short lease makes heartbeats frequent, and few hands are soon full.
pub(super) fn flags(data: &Path) -> Vec<String> {
    let file = data.join("census.toml");
    let settings = format!("lease = \"3s\"\nconcurrency = {HANDS}\n");
    std::fs::write(&file, settings).expect("the folder takes a file");
    let paths = [("--data-dir", data.to_owned()), ("--config", file)];
    let flags = paths.map(|(flag, path)| [flag.to_owned(), path.display().to_string()]);
    flags.into_iter().flatten().collect()
}

/// A process with these fault points armed; `None` when it died before it listened.
fn armed(data: &Path, faults: &str) -> Option<Census> {
    match Census::start_armed(flags(data), faults) {
        Ok(census) => Some(census),
        Err(status) => {
            assert_eq!(status.signal(), Some(SIGKILL), "{status}");
            None
        }
    }
}

/// The next process over the data dies at the point by itself.
fn dies_soon(data: &Path, point: &str) {
    if let Some(census) = armed(data, &kill_at(point, 1)) {
        census.killed_itself();
    }
}

/// Dies at the point while the log's writer is stuck.
fn slow_log(point: &str) -> String {
    format!("log.append/before-commit=sleep(60000);{}", kill_at(point, 1))
}

/// A report waits for events that are in a log which is then lost: it fails, whenever the process dies.
fn lose_the_log(data: &Path, point: &str) {
    let mut client = Client::default();
    let census = Census::start(flags(data));
    client.sample(&census);
    census.report(&json!({"after": client.accepted}));
    census.terminate();
    let census = armed(data, "fold/before-commit=sleep(60000)").expect("nothing new is in the log");
    let sample = client.sample(&census).expect("the api answers");
    census.succeeded(&sample);
    let report = client.report(&census).expect("the api answers");
    store_file::wait_until_parked(data);
    drop(census);
    store_file::lose_log(data);
    dies_soon(data, point);
    let census = Census::start(flags(data));
    let report = census.ended(&report);
    assert_eq!(
        (&report["state"], &report["error"]["code"]),
        (&json!("failed"), &json!("log_diverged"))
    );
}
