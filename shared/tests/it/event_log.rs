//! Every adapter of the port runs the port's conformance suite.

mod kafka;
mod kafka_outage;
mod kafka_remade;
mod kafka_restart;
mod sqlite;
