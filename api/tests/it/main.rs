//! The tests of the whole product, in one binary: every binary links SQLite and librdkafka once more.

mod answer;
mod brokers;
mod census;
mod chaos;
mod crash;
mod fault_points;
mod first_minute;
mod http;
mod jobs;
mod keys;
mod mail;
mod operate;
mod overload;
mod process;
mod refusals;
mod removal;
mod truth;
