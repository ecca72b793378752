//! The messages that wake a worker: references of tasks, nothing more.

use serde::{Deserialize, Serialize};

use super::TraceContext;
use crate::job::{JobId, TaskRef};

/// The AMQP `type` of a message that names one task; a changed shape gets another name (P24).
pub const WAKEUP_TYPE: &str = "census.wakeup.v1";
/// The AMQP `type` of a message that names several.
pub const WAKEUPS_TYPE: &str = "census.wakeups.v1";

/// A wake-up for one task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wakeup {
    /// The task that may have something to do.
    pub task: TaskRef,
    /// The job's trace. A message of one task carries it as a header.
    pub trace: TraceContext,
}

/// A message that cannot be read as wake-ups.
#[derive(Debug, thiserror::Error)]
pub enum WakeupFault {
    /// It calls itself something else.
    #[error("the message is of type `{type_name}`, not {WAKEUP_TYPE} or {WAKEUPS_TYPE}")]
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
    /// It names no task at all, or more than a message may.
    #[error("the message names {tasks} tasks")]
    Count {
        /// How many it names.
        tasks: usize,
    },
}

/// What a message says beside its headers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WakeupMessage {
    /// Its AMQP `type`.
    pub type_name: &'static str,
    /// Its header `traceparent`.
    pub traceparent: String,
    /// Its body.
    pub body: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
struct Body {
    job: JobId,
    task: u32,
    /// Of several tasks each has its own; that of one is a header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    traceparent: Option<String>,
}

impl Wakeup {
    /// Tasks that one message may name.
    pub const PER_MESSAGE: usize = 16;

    /// The message that carries these wake-ups, of which there are 1 to [`Wakeup::PER_MESSAGE`].
    #[must_use]
    pub fn to_message(wakeups: &[Self]) -> WakeupMessage {
        let body = |wakeup: &Self, traceparent| Body {
            job: wakeup.task.job,
            task: wakeup.task.task,
            traceparent,
        };
        let (type_name, body) = match wakeups {
            [one] => (WAKEUP_TYPE, serde_json::to_vec(&body(one, None))),
            several => {
                let of_own = |wakeup: &Self| body(wakeup, Some(wakeup.trace.to_string()));
                let bodies: Vec<_> = several.iter().map(of_own).collect();
                (WAKEUPS_TYPE, serde_json::to_vec(&bodies))
            }
        };
        WakeupMessage {
            type_name,
            traceparent: wakeups
                .first()
                .map(|first| first.trace.to_string())
                .unwrap_or_default(),
            body: body.expect("a wake-up has only a UUID, a number and a text, which always serialise"),
        }
    }

    /// Reads a message. One without a type is refused like one of another type; a missing or broken trace starts a
    /// new one.
    ///
    /// # Errors
    /// [`WakeupFault`] says why it is none.
    pub fn from_message(
        type_name: Option<&str>,
        traceparent: Option<&str>,
        body: &[u8],
    ) -> Result<Vec<Self>, WakeupFault> {
        let malformed = |source| WakeupFault::Malformed { source };
        let bodies: Vec<Body> = match type_name.unwrap_or_default() {
            WAKEUP_TYPE => vec![serde_json::from_slice(body).map_err(malformed)?],
            WAKEUPS_TYPE => serde_json::from_slice(body).map_err(malformed)?,
            other => {
                return Err(WakeupFault::OtherType {
                    type_name: other.chars().take(64).collect(),
                });
            }
        };
        if bodies.is_empty() || bodies.len() > Self::PER_MESSAGE {
            return Err(WakeupFault::Count { tasks: bodies.len() });
        }
        let read = |body: Body| Self {
            task: TaskRef {
                job: body.job,
                task: body.task,
            },
            trace: body
                .traceparent
                .as_deref()
                .or(traceparent)
                .and_then(|trace| trace.parse().ok())
                .unwrap_or_else(TraceContext::generate),
        };
        Ok(bodies.into_iter().map(read).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = r#"{"job":"0199f0c2-0000-7000-8000-000000000001","task":7}"#;
    const TWO: &str = concat!(
        r#"[{"job":"0199f0c2-0000-7000-8000-000000000001","task":7,"#,
        r#""traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},"#,
        r#"{"job":"0199f0c2-0000-7000-8000-000000000002","task":0,"#,
        r#""traceparent":"00-0af7651916cd43dd8448eb211c80319d-b7ad6b7169203332-01"}]"#,
    );

    #[test]
    fn the_golden_messages_are_written_and_read() {
        for (type_name, golden, tasks) in [(WAKEUP_TYPE, ONE, 1), (WAKEUPS_TYPE, TWO, 2)] {
            let wakeups = Wakeup::from_message(Some(type_name), None, golden.as_bytes()).unwrap();
            assert_eq!((wakeups.len(), wakeups[0].task.task), (tasks, 7));
            let written = Wakeup::to_message(&wakeups);
            assert_eq!(written.type_name, type_name);
            assert_eq!(written.traceparent, wakeups[0].trace.to_string());
            assert_eq!(String::from_utf8(written.body).unwrap(), golden);
        }
    }

    #[test]
    fn a_member_that_a_newer_writer_added_is_ignored() {
        let newer = ONE.replace('}', r#","priority":3}"#);
        assert!(Wakeup::from_message(Some(WAKEUP_TYPE), None, newer.as_bytes()).is_ok());
    }

    #[test]
    fn a_message_of_another_type_or_of_no_task_or_too_many_is_refused() {
        let fault = Wakeup::from_message(Some("census.wakeup.v2"), None, ONE.as_bytes()).unwrap_err();
        assert!(matches!(fault, WakeupFault::OtherType { .. }));
        for tasks in [0, Wakeup::PER_MESSAGE + 1] {
            let body = format!("[{}]", vec![ONE; tasks].join(","));
            let fault = Wakeup::from_message(Some(WAKEUPS_TYPE), None, body.as_bytes()).unwrap_err();
            assert!(matches!(fault, WakeupFault::Count { tasks: found } if found == tasks));
        }
    }
}
