//! What bounds the figures, measured in the same run: a handler that stores nothing, the disk, the processor, Kafka's
//! own tool.

pub(crate) mod arithmetic;
pub(crate) mod bare_handler;
pub(crate) mod flush;
mod pace;
pub(crate) mod producer;
