//! HTTP API of Census.

pub mod contract;
pub mod http;
pub mod openapi;
pub mod poll;
pub mod refusal;
pub mod submit;
