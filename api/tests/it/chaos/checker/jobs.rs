//! Rules of jobs and answers.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::facts::{Facts, has_ended, revision, state};
use crate::chaos::history::{Answered, Ask};

/// Every `202` is a job that ended, unless it was removed.
pub(super) fn every_accepted_job_ends(facts: &Facts<'_>) -> Vec<String> {
    let kept = facts.made.keys().filter(|id| !facts.removed.contains_key(**id));
    let open = kept.filter(|id| !facts.last(id).is_some_and(has_ended));
    open.map(|id| format!("{id} was seen last as {:?}", facts.last(id).map(state)))
        .collect()
}

/// Nobody is told of an accepted job that it is unknown, or that it is gone unless somebody removed it.
pub(super) fn no_accepted_job_is_unknown(facts: &Facts<'_>) -> Vec<String> {
    let jobs_of_keys = jobs_of_keys(facts);
    let mut broken = Vec::new();
    for request in &facts.requests {
        let (Some((seen_at, answer)), Some(job)) = (request.answer, job_of(request.ask)) else {
            continue;
        };
        // A retry with a key is answered with the job that the key made, which may be the one that is gone.
        let retried = request.ask.key().and_then(|key| jobs_of_keys.get(key));
        let gone = retried.into_iter().flatten().chain([&job]).any(|job| {
            let removed_at = facts.removed.get(job);
            removed_at.is_some_and(|removed_at| *removed_at < seen_at)
        });
        let is_known = facts
            .made
            .get(job)
            .is_some_and(|made| made.asked_at < request.asked_at);
        if is_known && (answer.status == 404 || answer.status == 410 && !gone) {
            broken.push(format!(
                "{job} was answered {} in line {}",
                answer.status,
                seen_at + 1
            ));
        }
    }
    broken
}

/// Every `202` to a key names the same job.
pub(super) fn one_key_one_job(facts: &Facts<'_>) -> Vec<String> {
    let jobs = jobs_of_keys(facts);
    let double = jobs.iter().filter(|(_, jobs)| jobs.len() > 1);
    double.map(|(key, jobs)| format!("{key} made {jobs:?}")).collect()
}

/// What each key's requests were answered with.
fn jobs_of_keys<'h>(facts: &Facts<'h>) -> BTreeMap<&'h str, BTreeSet<&'h str>> {
    let mut jobs: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for request in &facts.requests {
        if let (Some(key), Some((_, answer))) = (request.ask.key(), request.answer)
            && answer.status == 202
            && let Some(id) = answer.body["id"].as_str()
        {
            jobs.entry(key).or_default().insert(id);
        }
    }
    jobs
}

/// There is no job that no request can have made.
pub(super) fn no_job_comes_from_nowhere(facts: &Facts<'_>) -> Vec<String> {
    let unseen = unseen_jobs(facts);
    if unseen.len() <= facts.open_requests() {
        return Vec::new();
    }
    let open = facts.open_requests();
    vec![format!(
        "{open} requests stayed open, and nobody asked for {unseen:?}"
    )]
}

/// Jobs in the last list whose acceptance nobody saw.
pub(super) fn unseen_jobs<'h>(facts: &Facts<'h>) -> Vec<&'h str> {
    let lists = facts.requests.iter().filter(|request| *request.ask == Ask::List);
    let last = lists.filter_map(|request| request.answer).next_back();
    let jobs = last.and_then(|(_, answer)| answer.body["jobs"].as_array());
    let ids = jobs.into_iter().flatten().filter_map(|job| job["id"].as_str());
    ids.filter(|id| !facts.made.contains_key(id)).collect()
}

/// States follow one another by rank; of an ended job every answer is the same.
pub(super) fn states_are_legal(facts: &Facts<'_>) -> Vec<String> {
    let mut broken = Vec::new();
    for (id, sightings) in &facts.sightings {
        let mut by_revision: Vec<&Value> = sightings.iter().map(|seen| seen.body).collect();
        by_revision.sort_by_key(|job| revision(job));
        for pair in by_revision.windows(2) {
            let (earlier, later) = (pair[0], pair[1]);
            let same = revision(earlier) == revision(later);
            let legal = match (has_ended(earlier), same) {
                (true, _) => earlier == later,
                (false, true) => state(earlier) == state(later),
                (false, false) => rank(state(earlier)) <= rank(state(later)),
            };
            if !legal {
                broken.push(format!("{id}: {earlier} was followed by {later}"));
            }
        }
    }
    broken
}

/// What one has seen, the next who asks sees too.
pub(super) fn revisions_rise(facts: &Facts<'_>) -> Vec<String> {
    let mut broken = Vec::new();
    for (id, sightings) in &facts.sightings {
        for later in sightings {
            let before = sightings.iter().filter(|seen| seen.seen_at < later.asked_at);
            let highest = before.map(|seen| revision(seen.body)).max().unwrap_or(0);
            if revision(later.body) < highest {
                broken.push(format!("{id} was at {highest}, then at {}", revision(later.body)));
            }
        }
    }
    broken
}

/// Every refusal is a problem; one that can be tried again says when.
pub(super) fn refusals_are_problems(facts: &Facts<'_>) -> Vec<String> {
    let answers = facts.requests.iter().filter_map(|request| request.answer);
    let bad = answers.filter(|(_, answer)| answer.status >= 400 && !is_problem(answer));
    bad.map(|(seen_at, answer)| format!("line {}: {answer:?}", seen_at + 1))
        .collect()
}

fn is_problem(answer: &Answered) -> bool {
    let code = answer.body["code"].as_str();
    let can_be_tried_again = matches!(code, Some("overloaded" | "store_outcome_unknown"));
    let says_when = answer.retry_after.is_some();
    let is_one = answer.content_type == "application/problem+json" && code.is_some();
    is_one && (answer.status < 500 || answer.status == 503 && can_be_tried_again && says_when)
}

/// No request gets an answer that the contract does not have for it.
pub(super) fn answers_are_of_the_contract(facts: &Facts<'_>) -> Vec<String> {
    let answered = facts
        .requests
        .iter()
        .filter_map(|request| Some((request.ask, request.answer?)));
    let bad =
        answered.filter(|(ask, (_, answer))| answer.status < 500 && !statuses(ask).contains(&answer.status));
    bad.map(|(ask, (_, answer))| format!("{ask:?}: {answer:?}"))
        .collect()
}

fn statuses(ask: &Ask) -> &'static [u16] {
    match ask {
        // 409: the same key is in flight. 410: the key's job was removed.
        Ask::Submit { .. } => &[202, 409, 410],
        // 422: an awaited job was removed.
        Ask::Report(_) => &[202, 409, 410, 422],
        Ask::Poll { .. } => &[200, 410],
        Ask::Cancel { .. } => &[200, 202, 409, 410],
        Ask::Retry { .. } => &[202, 409, 410],
        Ask::Delete { .. } => &[204, 409, 410],
        Ask::List => &[200],
    }
}

fn job_of(ask: &Ask) -> Option<&str> {
    match ask {
        Ask::Poll { job } | Ask::Cancel { job } | Ask::Retry { job, .. } | Ask::Delete { job } => Some(job),
        Ask::Submit { .. } | Ask::Report(_) | Ask::List => None,
    }
}

fn rank(state: &str) -> u8 {
    match state {
        "queued" => 0,
        "running" => 1,
        "cancelling" => 2,
        _ => 3,
    }
}
