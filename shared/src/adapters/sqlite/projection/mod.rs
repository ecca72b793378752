//! The projection: counts by place, each event once.
