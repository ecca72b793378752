//! The ports on real technology, one folder each. No adapter imports another; only `app.rs` of a binary names one.

pub mod embedded;
pub mod kafka;
pub mod rabbitmq;
pub mod smtp;
pub mod sqlite;
pub mod system;
