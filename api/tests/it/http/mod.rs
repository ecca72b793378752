//! The HTTP side over a store in memory: shapes, statuses and headers of contract.md.

mod accepted;
mod bodies;
mod jobs;
mod operations;
mod problems;
mod results;
mod schedule_store;
mod schedules;
mod service;
mod stream;
