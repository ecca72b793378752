//! The integration tests of `shared`, in one binary: every binary links SQLite and librdkafka once more.

mod event_log;
mod job_queue;
mod job_store;
mod mailer;
mod own_brokers;
mod projection;
mod reader;
mod writer;
