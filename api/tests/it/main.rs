//! The tests of the whole product, in one binary: every binary links SQLite and librdkafka once more.

mod brokers;
mod census;
mod crash;
mod first_minute;
mod http;
mod jobs;
mod keys;
mod operate;
mod refusals;
mod removal;
