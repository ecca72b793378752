//! The message that wakes a worker: a task's reference, nothing more.

use serde::{Deserialize, Serialize};

use super::TraceContext;
use crate::job::{JobId, TaskRef};

/// The AMQP `type` of the message; a changed shape gets another name (P24).
pub const WAKEUP_TYPE: &str = "census.wakeup.v1";

/// A wake-up for one task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wakeup {
    /// The task that may have something to do.
    pub task: TaskRef,
    /// The job's trace, carried as a header.
    pub trace: TraceContext,
}

/// A message that cannot be read as a wake-up.
#[derive(Debug, thiserror::Error)]
pub enum WakeupFault {
    /// It calls itself something else.
    #[error("the message is of type `{type_name}`, not {WAKEUP_TYPE}")]
    OtherType {
        /// Its type, cut to 64 characters.
        type_name: String,
    },
    /// Its body is not the JSON of a wake-up.
    #[error("the message is not the JSON of a wake-up")]
    Malformed {
        /// What the parser said.
        #[source]
        source: serde_json::Error,
    },
}

#[derive(Serialize, Deserialize)]
struct Body {
    job: JobId,
    task: u32,
}

impl Wakeup {
    /// The message's body.
    #[must_use]
    pub fn to_body(&self) -> Vec<u8> {
        let body = Body {
            job: self.task.job,
            task: self.task.task,
        };
        serde_json::to_vec(&body).expect("a wake-up has only a UUID and a number, which always serialise")
    }

    /// Reads a message. One without a type is refused like one of another type; a missing or broken trace
    /// header starts a new trace.
    ///
    /// # Errors
    /// [`WakeupFault`] says why it is none.
    pub fn from_message(
        type_name: Option<&str>,
        traceparent: Option<&str>,
        body: &[u8],
    ) -> Result<Self, WakeupFault> {
        let type_name = type_name.unwrap_or_default();
        if type_name != WAKEUP_TYPE {
            return Err(WakeupFault::OtherType {
                type_name: type_name.chars().take(64).collect(),
            });
        }
        let Body { job, task } =
            serde_json::from_slice(body).map_err(|source| WakeupFault::Malformed { source })?;
        let trace = traceparent
            .and_then(|header| header.parse().ok())
            .unwrap_or_else(TraceContext::generate);
        Ok(Self {
            task: TaskRef { job, task },
            trace,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOLDEN: &str = r#"{"job":"0199f0c2-0000-7000-8000-000000000001","task":7}"#;

    #[test]
    fn the_golden_message_is_written_and_read() {
        let wakeup = Wakeup::from_message(Some(WAKEUP_TYPE), None, GOLDEN.as_bytes()).unwrap();
        assert_eq!(wakeup.task.task, 7);
        assert_eq!(String::from_utf8(wakeup.to_body()).unwrap(), GOLDEN);
    }

    #[test]
    fn a_member_that_a_newer_writer_added_is_ignored() {
        let newer = GOLDEN.replace("}", r#","priority":3}"#);
        assert!(Wakeup::from_message(Some(WAKEUP_TYPE), None, newer.as_bytes()).is_ok());
    }

    #[test]
    fn a_message_of_another_type_is_refused() {
        let fault = Wakeup::from_message(Some("census.wakeup.v2"), None, GOLDEN.as_bytes()).unwrap_err();
        assert!(matches!(fault, WakeupFault::OtherType { .. }));
    }
}
