//! Why a connection could not be made or was lost: what an operator reads in the log and in `/readyz`.

use std::io;
use std::time::Duration;

use super::address::AddressFault;

/// The end of a connection, or of the try to make one.
#[derive(Debug, thiserror::Error)]
pub(super) enum LinkFault {
    /// The URL is none.
    #[error("the address cannot be used")]
    Address {
        #[from]
        source: AddressFault,
    },
    /// Nobody listens there.
    #[error("{address} cannot be reached")]
    Unreachable {
        address: String,
        #[source]
        source: io::Error,
    },
    /// The thread of the connection could not be started.
    #[error("no thread could be started for the connection")]
    Thread {
        #[source]
        source: io::Error,
    },
    /// The server or the connection refused.
    #[error("{operation} failed")]
    Refused {
        operation: &'static str,
        #[source]
        source: Box<amiquip::Error>,
    },
    /// The connection ended without a word.
    #[error("the connection was lost")]
    Lost,
    /// The server ended the consumer, as when its queue is deleted.
    #[error("the server ended the consumer")]
    Cancelled,
    /// Messages wait, and the consumer, which has room for them, gets none.
    #[error("the server has forgotten the consumer")]
    Forgotten,
    /// The queue was made anew by this process.
    #[error("the queue was made anew")]
    Remade,
    /// The server is in alarm.
    #[error("the server takes no messages for now")]
    Blocked,
    /// A message was not confirmed, or had no queue to go to.
    #[error("the server did not confirm a message")]
    Unconfirmed,
    /// A queue that cannot write, as one without a leader, takes everything and confirms nothing.
    #[error("the queue {queue} has confirmed nothing for {} s: see whether it has a leader", patience.as_secs())]
    Mute { queue: String, patience: Duration },
}

impl LinkFault {
    /// For `map_err`: names what was tried.
    pub(super) fn refused(operation: &'static str) -> impl FnOnce(amiquip::Error) -> Self {
        move |source| Self::Refused {
            operation,
            source: Box::new(source),
        }
    }

    /// RabbitMQ ends a connection (541, internal error) that declares a new quorum queue while another is at it. The
    /// next try finds the queue.
    pub(super) fn is_lost_race(&self) -> bool {
        matches!(
            self.refusal(),
            Some(amiquip::Error::ServerClosedConnection { code: 541, .. })
        )
    }

    /// What was to be declared is there with other arguments (406, precondition failed).
    pub(super) fn is_other_arguments(&self) -> bool {
        matches!(
            self.refusal(),
            Some(amiquip::Error::ServerClosedChannel { code: 406, .. })
        )
    }

    /// The server takes what is sent to the queue, and keeps none of it.
    pub(super) fn is_mute(&self) -> bool {
        matches!(self, Self::Mute { .. })
    }

    fn refusal(&self) -> Option<&amiquip::Error> {
        match self {
            Self::Refused { source, .. } => Some(source),
            Self::Address { .. }
            | Self::Unreachable { .. }
            | Self::Thread { .. }
            | Self::Lost
            | Self::Cancelled
            | Self::Forgotten
            | Self::Remade
            | Self::Blocked
            | Self::Unconfirmed
            | Self::Mute { .. } => None,
        }
    }

    /// The whole chain in one line.
    pub(super) fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(source) = cause {
            text.push_str(": ");
            text.push_str(&source.to_string());
            cause = source.source();
        }
        text
    }
}
