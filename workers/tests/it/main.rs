//! The workers over the embedded adapters: steps 3 to 7 with crashes, cancels and faults of the log.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod bench;
mod bulk;
mod crashes;
mod dead;
mod faulty_log;
mod mails;
mod process;
mod rebuilds;
mod reports;
mod schedules;
mod sim;
mod submits;
mod the_log;
mod together;
mod watched_store;
