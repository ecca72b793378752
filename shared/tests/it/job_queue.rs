//! Every adapter of the port runs the port's conformance suite.

mod embedded;
mod rabbitmq;
mod rabbitmq_dead;
mod rabbitmq_outage;
mod rabbitmq_restart;
