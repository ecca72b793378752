//! Rules of reports: each is the fold of the log up to what it says it includes.

use std::collections::BTreeMap;

use serde_json::Value;

use super::facts::{Facts, has_succeeded};
use crate::chaos::history::{Ask, AskedReport};
use crate::truth::{Counts, as_of};

/// When all is over, a fresh report includes the whole log: applied events are the distinct events, each once.
pub(super) fn the_last_report_is_the_whole_log(facts: &Facts<'_>) -> Vec<String> {
    let mut reports = facts
        .requests
        .iter()
        .filter_map(|request| Some(&request.answer?.1.body));
    let Some(last) = reports.rfind(|body| body["report"]["rows"].is_array()) else {
        return vec!["there is none".to_owned()];
    };
    let (included, ends) = (as_of(&last["report"]), facts.log.ends());
    if included == ends {
        return Vec::new();
    }
    vec![format!("{included:?} of {ends:?}")]
}

/// So many reports are counted again: each takes a second where the log is long.
const COUNTED_AGAIN: usize = 100;

/// Reports that anybody ever saw, whatever they were asked for: all of a short storm's, of a long one's about as many,
/// the last among them.
pub(super) fn reports_equal_the_log(facts: &Facts<'_>) -> Vec<String> {
    let mut broken = Vec::new();
    let one_in = (seen_reports(facts).count() / COUNTED_AGAIN).max(1);
    for (id, asked, job) in seen_reports(facts).rev().step_by(one_in) {
        let report = &job["report"];
        let within = |moment: &str| {
            asked.from.as_deref().is_none_or(|from| moment >= from)
                && asked.to.as_deref().is_none_or(|to| moment < to)
        };
        let counted = facts.log.counts(&as_of(report), &asked.group_by, within);
        let shown = Counts::of_report(report);
        if shown != counted {
            broken.push(format!(
                "{id}, asked as {asked:?}, says {shown:?}, and the log {counted:?}"
            ));
        }
    }
    broken
}

/// What a report awaits, and what had ended when a fresh one was asked for, is in it.
pub(super) fn reports_include_what_they_promise(facts: &Facts<'_>) -> Vec<String> {
    let successes = successes(facts);
    let mut broken = Vec::new();
    for (id, asked, job) in seen_reports(facts) {
        let asked_at = facts.made[id].asked_at;
        // What awaits jobs is fresh whatever it says.
        let fresh = asked.fresh || !asked.after.is_empty();
        let included = as_of(&job["report"]);
        for success in &successes {
            let awaited = asked.after.iter().any(|after| after == success.id);
            let promised = awaited || fresh && success.seen_at < asked_at;
            if !promised {
                continue;
            }
            let lacks =
                |(partition, offset): (&i32, &i64)| included.get(partition).is_none_or(|next| next <= offset);
            if success.reach.iter().any(lacks) {
                broken.push(format!(
                    "{id} lacks events of {}: it includes {included:?}, not {:?}",
                    success.id, success.reach
                ));
            }
        }
    }
    broken
}

/// A submit that succeeded.
struct Success<'h> {
    id: &'h str,
    /// The first line in which somebody saw its end.
    seen_at: usize,
    /// The highest offset of its events in each partition.
    reach: BTreeMap<i32, i64>,
}

fn successes<'h>(facts: &Facts<'h>) -> Vec<Success<'h>> {
    let mut successes = Vec::new();
    for (id, sightings) in &facts.sightings {
        let seen = sightings.iter().filter(|seen| has_succeeded(seen.body));
        let (Some(seen_at), Some(Ask::Submit { named, .. })) =
            (seen.map(|seen| seen.seen_at).min(), facts.submitted(id))
        else {
            continue;
        };
        let ordinals = facts.ordinals(facts.root(id)).iter().copied();
        let mut reach = BTreeMap::new();
        for event in ordinals.chain(named.iter().map(String::as_str)) {
            if let Some((partition, offset)) = facts.first.get(event) {
                let highest = reach.entry(*partition).or_insert(*offset);
                *highest = (*offset).max(*highest);
            }
        }
        successes.push(Success { id, seen_at, reach });
    }
    successes
}

/// Reports as they were seen last, with what was asked for.
fn seen_reports<'h>(
    facts: &Facts<'h>,
) -> impl DoubleEndedIterator<Item = (&'h str, &'h AskedReport, &'h Value)> {
    facts.made.keys().filter_map(|id| {
        let job = facts.last(id)?;
        job["report"]["rows"]
            .is_array()
            .then_some((*id, facts.reported(id)?, job))
    })
}
