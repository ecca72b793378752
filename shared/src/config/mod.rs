//! What the operator sets: one documented struct per concern, and the only reader of the environment.
