//! HTTP API of Census.

mod intake;
pub mod refusal;
pub mod submit;
