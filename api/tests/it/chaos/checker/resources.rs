//! Rules of what is used, and of leases.

use std::collections::BTreeMap;

use super::facts::Facts;
use crate::chaos::history::What;

/// Resident memory of one process.
const RSS_MAX_KIB: u64 = 320 * 1024;
/// Open files and sockets of one process.
const DESCRIPTORS_MAX: u64 = 256;
/// The write-ahead logs of both stores together: each is cut to 64 MiB when a checkpoint has emptied it.
const WRITE_AHEAD_MAX_BYTES: u64 = 160 * 1024 * 1024;

/// Memory, descriptors and write-ahead logs are bounded; the token of a task's lease only rises.
pub(super) fn use_is_bounded(facts: &Facts<'_>) -> Vec<String> {
    let mut broken = Vec::new();
    let mut tokens: BTreeMap<(&str, u32), i64> = BTreeMap::new();
    for line in facts.lines {
        let fits = match &line.what {
            What::Used {
                rss_kib, descriptors, ..
            } => *rss_kib <= RSS_MAX_KIB && *descriptors <= DESCRIPTORS_MAX,
            What::WriteAhead { bytes } => *bytes <= WRITE_AHEAD_MAX_BYTES,
            What::Token { job, task, token } => {
                let before = tokens.insert((job, *task), *token);
                before.is_none_or(|before| before <= *token)
            }
            What::Asked { .. } | What::Answered { .. } | What::Lost { .. } | What::Fault { .. } => true,
        };
        if !fits {
            broken.push(format!("at {} ms: {:?}", line.at_ms, line.what));
        }
    }
    broken
}
