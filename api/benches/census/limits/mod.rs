//! What bounds the figures, measured in the same run: a handler that stores nothing, the disk, Kafka's own tool.

pub(crate) mod bare_handler;
pub(crate) mod flush;
pub(crate) mod producer;
