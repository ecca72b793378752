//! HTTP API of Census.

pub mod refusal;
pub mod submit;
