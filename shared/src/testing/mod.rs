//! Conformance suites that every adapter of a port must pass, and what tests of all crates share.

pub mod brokers;
pub mod clock;
pub mod event_log;
pub mod fault_proxy;
pub mod job_queue;
pub mod job_store;
pub mod mail_server;
pub mod mailer;
pub mod projection;
pub mod wait;

pub use crate::chance::seed as seed_chance;
