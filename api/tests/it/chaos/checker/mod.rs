//! The checker: what must hold of a history and the log, whatever happened in between.
//!
//! It knows nothing of how Census works: it reads what clients were answered, and the topic itself.

mod doctored;
mod events;
mod facts;
mod jobs;
mod reports;
mod resources;

use self::facts::Facts;
use super::history::Line;
use crate::truth::Log;

type Rule = fn(&Facts<'_>) -> Vec<String>;

/// Every rule, by the name under which its violations are shown.
const RULES: [(&str, Rule); 15] = [
    ("every accepted job ends", jobs::every_accepted_job_ends),
    ("no accepted job is unknown", jobs::no_accepted_job_is_unknown),
    ("one key, one job", jobs::one_key_one_job),
    ("no job comes from nowhere", jobs::no_job_comes_from_nowhere),
    ("states are legal and ends final", jobs::states_are_legal),
    ("revisions rise", jobs::revisions_rise),
    ("refusals are problems", jobs::refusals_are_problems),
    (
        "answers are those of the contract",
        jobs::answers_are_of_the_contract,
    ),
    ("a success is in the log", events::a_success_is_in_the_log),
    (
        "cancelled before a lease is silent",
        events::cancelled_before_a_lease_is_silent,
    ),
    ("no event comes from nowhere", events::no_event_comes_from_nowhere),
    (
        "the last report is the whole log",
        reports::the_last_report_is_the_whole_log,
    ),
    ("reports equal the log", reports::reports_equal_the_log),
    (
        "reports include what they promise",
        reports::reports_include_what_they_promise,
    ),
    ("use is bounded, tokens rise", resources::use_is_bounded),
];

/// What is wrong; empty when nothing is.
pub(super) fn check(lines: &[Line], log: &Log) -> Vec<String> {
    let facts = Facts::of(lines, log);
    let broken = |(name, rule): &(&str, Rule)| {
        let named = |violation: String| format!("{name}: {violation}");
        rule(&facts).into_iter().map(named).collect::<Vec<_>>()
    };
    RULES.iter().flat_map(broken).collect()
}
