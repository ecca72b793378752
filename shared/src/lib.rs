//! Domain, ports and adapters of Census.
//!
#![doc = include_str!("../README.md")]

pub mod adapters;
mod chance;
pub mod config;
pub mod dispatch;
pub mod event;
pub mod faults;
pub mod job;
pub mod mail;
pub mod mutant;
pub mod place;
pub mod ports;
pub mod sample;
pub mod schedule;
pub mod telemetry;
#[cfg(feature = "testing")]
pub mod testing;
pub mod time;
pub mod wire;
