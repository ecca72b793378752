//! Worker processes of Census: consume, execute, project, complete, rescue.
//!
#![doc = include_str!("../README.md")]

pub mod app;
mod complete;
mod consume;
pub mod crew;
mod execute;
mod handlers;
mod heart;
mod log_gate;
mod log_state;
mod operations;
mod project;
mod rescue;
mod wake;
