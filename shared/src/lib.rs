//! Domain, ports and adapters of Census.

pub mod event;
pub mod job;
pub mod place;
pub mod ports;
pub mod time;
pub mod wire;
pub mod dispatch;
