//! Rules of the log: what is in it, and what is not.

use std::collections::BTreeSet;

use super::facts::{Facts, has_succeeded, ordinal, state};
use super::jobs::unseen_jobs;
use crate::chaos::history::Ask;

/// A job that succeeded has all of its events in the log, and counts them rightly.
pub(super) fn a_success_is_in_the_log(facts: &Facts<'_>) -> Vec<String> {
    let mut broken = Vec::new();
    for id in facts.made.keys() {
        let (
            Some(job),
            Some(Ask::Submit {
                valid,
                rejected,
                named,
                ..
            }),
        ) = (facts.last(id), facts.submitted(id))
        else {
            continue;
        };
        if !has_succeeded(job) {
            continue;
        }
        let ordinals = facts.ordinals(facts.root(id)).len() as u64;
        if ordinals + named.len() as u64 != *valid
            || !named.iter().all(|id| facts.first.contains_key(id.as_str()))
        {
            broken.push(format!(
                "{id}: {ordinals} of its {valid} events are in the log, {} had ids",
                named.len()
            ));
        }
        let progress = &job["progress"];
        if progress["received"] != valid + rejected || progress["rejected"] != *rejected {
            broken.push(format!(
                "{id}: {progress} of {valid} valid and {rejected} bad records"
            ));
        }
        if (state(job) == "partially_succeeded") != (*rejected > 0) {
            broken.push(format!("{id} is {} with {rejected} bad records", state(job)));
        }
    }
    broken
}

/// P14: of a job that was cancelled before anybody held it no event is ever in the log.
pub(super) fn cancelled_before_a_lease_is_silent(facts: &Facts<'_>) -> Vec<String> {
    let retried: BTreeSet<_> = facts
        .made
        .keys()
        .filter(|id| facts.root(id) != **id)
        .map(|id| facts.root(id))
        .collect();
    let mut broken = Vec::new();
    for id in facts
        .made
        .keys()
        .filter(|id| !retried.contains(**id) && facts.root(id) == **id)
    {
        let Some(job) = facts.last(id) else { continue };
        let never_held = job["attempts"].as_array().is_none_or(Vec::is_empty);
        if state(job) == "cancelled" && never_held && !facts.ordinals(id).is_empty() {
            broken.push(format!("{id} was never held and is in the log: {job}"));
        }
    }
    broken
}

/// Every event in the log was sent by somebody, in a job that there is.
pub(super) fn no_event_comes_from_nowhere(facts: &Facts<'_>) -> Vec<String> {
    // Removed jobs are in `made`; jobs whose acceptance got lost are in the list.
    let unseen = unseen_jobs(facts);
    let mut broken = Vec::new();
    for id in facts.first.keys() {
        let Some((root, ordinal)) = ordinal(id) else {
            continue;
        };
        let records = match facts.made.get(root).map(|made| made.ask) {
            Some(Ask::Submit { valid, rejected, .. }) => valid + rejected,
            Some(_) => 0,
            None if unseen.contains(&root) => u64::MAX,
            None => 0,
        };
        if !ordinal.parse::<u64>().is_ok_and(|ordinal| ordinal < records) {
            broken.push(format!("{id}, of a job with {records} records"));
        }
    }
    broken
}
