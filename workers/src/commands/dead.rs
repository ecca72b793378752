//! `dead`: the messages that no worker could read, a line of JSON each; sent again or thrown away.

use clap::Subcommand;
use serde::Serialize;
use shared::config::Config;
use shared::ports::DeadMessage;
use shared::time::Timestamp;

use super::{CommandFault, print};
use crate::app::dead_queue;

/// What can be done with the dead queue.
#[derive(Debug, Subcommand)]
pub enum DeadCommand {
    /// Prints one line of JSON for each message, the oldest first; all stay where they are.
    List {
        /// At most so many.
        #[arg(long, value_name = "N", default_value_t = 100)]
        limit: usize,
    },
    /// Sends what can be read as a wake-up to the queue it came from. The rest is kept and refused with a sentence.
    Redrive,
    /// Throws all messages away.
    Discard,
}

/// Runs the command to its end.
pub(super) async fn run(config: &Config, command: DeadCommand) -> Result<(), CommandFault> {
    let queue = dead_queue(config)?;
    match command {
        DeadCommand::List { limit } => {
            let dead = queue.list(limit).await?;
            dead.messages
                .iter()
                .try_for_each(|message| print(&Line::of(message)))
        }
        DeadCommand::Redrive => {
            let redriven = queue.redrive().await?;
            print(&Sent { sent: redriven.sent })?;
            let Some(first) = redriven.kept.first() else {
                return Ok(());
            };
            redriven
                .kept
                .iter()
                .try_for_each(|message| print(&Line::of(message)))?;
            Err(CommandFault::StillDead {
                kept: redriven.kept.len(),
                first: first.fault.clone().unwrap_or_default(),
            })
        }
        DeadCommand::Discard => print(&Discarded {
            discarded: queue.discard().await?,
        }),
    }
}

#[derive(Serialize)]
struct Sent {
    sent: u64,
}

#[derive(Serialize)]
struct Discarded {
    discarded: u64,
}

#[derive(Serialize)]
struct Line<'a> {
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    type_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    queue: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    died_at: Option<Timestamp>,
    size_bytes: usize,
    start: &'a str,
    /// Why it cannot be sent again.
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<&'a str>,
}

impl<'a> Line<'a> {
    fn of(message: &'a DeadMessage) -> Self {
        Self {
            type_name: message.type_name.as_deref(),
            queue: message.queue.as_deref(),
            reason: message.reason.as_deref(),
            died_at: message.died_at,
            size_bytes: message.size_bytes,
            start: &message.start,
            fault: message.fault.as_deref(),
        }
    }
}
