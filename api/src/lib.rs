//! HTTP API of Census.
//!
#![doc = include_str!("../README.md")]

pub mod app;
pub mod contract;
mod gauges;
pub mod http;
mod intake;
pub mod openapi;
pub mod poll;
pub mod refusal;
pub mod submit;
