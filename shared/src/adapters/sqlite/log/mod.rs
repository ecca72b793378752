//! The event log of the profile `embedded`.
