//! Worker processes of Census: consume, execute, project, complete, rescue.

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
