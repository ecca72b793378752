//! Worker processes of Census: consume, execute, project, complete, rescue.
//!
#![doc = include_str!("../README.md")]

pub mod app;
pub mod app_error;
mod attempt;
pub mod commands;
mod complete;
mod consume;
pub mod crew;
mod execute;
mod handlers;
mod heart;
mod log_gate;
mod log_state;
mod operations;
pub mod ports;
pub mod process;
pub mod project;
mod rescue;
mod schedule;
mod service;
mod solitude;
mod together;
mod wake;
