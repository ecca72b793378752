//! Adapters inside the process: the wake-up queue of the profile `embedded`.
