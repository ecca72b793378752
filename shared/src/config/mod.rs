//! What the operator sets: one documented struct per concern, and the only reader of the environment.
//!
//! Defaults, then the file, then the environment, then flags: the later one wins. Every value is a text until
//! [`Config::from_values`] gives it a type, so that a fault names its key and where the value came from.

mod concern;
mod flags;
mod keys;
mod mail;
mod source;
mod value;

use std::fmt;

pub use concern::{
    BrokerSettings, Config, HttpSettings, IntakeSettings, LogFormat, LogSettings, Profile, StoreSettings,
    WorkerSettings,
};
pub use flags::Flags;
pub use keys::{KEYS, Key};
pub use mail::{MailSettings, Post};
pub use source::{Environment, FileFault, NotText, Origin, Values};

/// Why the program does not start; every fault at once, each naming its key.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be used.
    #[error(transparent)]
    File(#[from] FileFault),
    /// The environment cannot be used.
    #[error(transparent)]
    Environment(#[from] NotText),
    /// Values that make no sense.
    #[error("{}", Lines(.0))]
    Values(Vec<ValueFault>),
}

/// One value that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueFault {
    /// The key in lower case.
    pub key: &'static str,
    /// Where the value came from.
    pub origin: Origin,
    /// What is wrong, and what would be right. Never holds a secret.
    pub reason: String,
}

impl fmt::Display for ValueFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` ({}): {}", self.key, self.origin, self.reason)
    }
}

struct Lines<'a>(&'a [ValueFault]);

impl fmt::Display for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, fault) in self.0.iter().enumerate() {
            if place > 0 {
                writeln!(f)?;
            }
            write!(f, "{fault}")?;
        }
        Ok(())
    }
}
