//! More requests than the store takes: they are refused in time, memory stays bounded, and nobody else suffers (P4).

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use serde_json::json;

use crate::census::{BOUND, Census, StopOnDrop, data_folder, event};

/// Clients that do not wait for one another.
const CLIENTS: usize = 48;
/// Refusals that make a storm.
const REFUSED: u64 = 500;
/// Jobs that may wait.
const BACKLOG: usize = 40;
const EVENTS: usize = 50;
/// Far above what bounded intake needs, far below what the storm would pile up.
const PEAK_MAX_MIB: u64 = 200;

#[test]
fn a_storm_of_requests_is_refused_in_time_and_memory_stays_bounded() {
    let data = data_folder();
    let config = data.path().join("census.toml");
    std::fs::write(&config, format!("backlog_limit = {BACKLOG}\n")).unwrap();
    let flags = [("--config", config), ("--data-dir", data.path().to_owned())];
    let flags = flags.map(|(flag, path)| [flag.to_owned(), path.display().to_string()]);
    // A log that takes a batch in 500 ms cannot keep up with so many.
    let slow = "log.append/before-commit=sleep(500)";
    let census = Census::start_armed(flags.into_iter().flatten().collect(), slow).expect("it listens");
    let known = census.post("/submit/1").accepted();
    let body = json!({"events": vec![event("ann"); EVENTS]}).to_string();
    let (accepted, refused) = (Mutex::new(Vec::new()), AtomicU64::new(0));
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    let answer = census.post_body("/submit", "application/json", body.as_str());
                    if answer.status == 202 {
                        accepted.lock().unwrap().push(answer.accepted());
                    } else {
                        assert!(answer.header("retry-after").is_some(), "{:?}", answer.headers);
                        answer.problem(503, "overloaded");
                        refused.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
        // Whatever breaks off here, the clients stop.
        let _clients_stop = StopOnDrop(&is_over);
        let started = Instant::now();
        while refused.load(Ordering::Relaxed) < REFUSED && started.elapsed() < BOUND {
            // Reading and cancelling are never shed.
            assert_eq!(census.get(&format!("/jobs/{known}")).status, 200);
            assert_eq!(census.get("/jobs?limit=5").status, 200);
            let cancelled = census.post(&format!("/jobs/{known}/cancel")).status;
            assert!([200, 202, 409].contains(&cancelled), "{cancelled}");
        }
    });
    let (accepted, refused) = (accepted.into_inner().unwrap(), refused.into_inner());
    assert!(
        refused >= REFUSED,
        "{} accepted, {refused} refused",
        accepted.len()
    );
    let peak = peak_mib(census.pid());
    assert!(peak < PEAK_MAX_MIB, "{peak} MiB for {refused} requests too many");
    // What was accepted is done, and then there is room again.
    for id in &accepted {
        census.succeeded(id);
    }
    let events = census.report(&json!({}))["events"].as_u64().unwrap();
    let expected = (accepted.len() * EVENTS) as u64;
    assert!(
        (expected..=expected + 1).contains(&events),
        "{events} of {expected}, and one that was cancelled"
    );
}

/// The most memory that the process ever had.
fn peak_mib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("the process runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next());
    kib.and_then(|kib| kib.parse::<u64>().ok())
        .expect("Linux says so")
        / 1024
}
