//! A deterministic simulation of the whole protocol: the real store, dispatcher and services of several processes on
//! one thread, in simulated time, over disks in memory, a broker and a log that an adversary holds (protocol.md).
//!
//! ```text
//! seed ─▶ dice ─▶ scenario: processes start, stop, die; clients ask, look, cancel; power fails; clocks jump
//!                    │
//!         Crew, Dispatcher, JobStore, ProjectionStore: unchanged
//!                    │ every transaction, wake-up and record may fail, be slow, be the last
//!                    ▼
//!         states, positions (each commit), verdict (at the end): a broken rule, with the seed that replays it
//! ```
//!
//! `CENSUS_SIM_SEED=7` plays that one run and prints what happened; `CENSUS_SIM_SEEDS=10000` plays so many.

mod broker;
mod client;
mod clock;
mod dice;
mod faults;
mod fleet;
mod fold;
mod history;
mod ledger;
mod life;
mod log;
mod mutants;
mod positions;
mod process;
mod request;
mod run;
mod scenario;
mod seeds;
mod states;
mod verdict;
mod world;
