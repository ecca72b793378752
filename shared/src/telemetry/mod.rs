//! Logs, metrics and trace propagation.
