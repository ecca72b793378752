//! The body of `POST /report`: all members optional, and an empty body is a report by city.

use std::str::FromStr;

use serde_json::value::RawValue;
use shared::event::{FaultCode, RawText};
use shared::job::{GroupBy, JobId, ReportRequest};
use shared::mail::AllowedRecipients;
use shared::time::Timestamp;

use super::body::{Faults, read_object};
use super::mail_to::mail_to;
use super::members::{each_element, text, type_name};
use crate::refusal::Refusal;

/// How many jobs a report can wait for.
const MAX_AFTER: usize = 100;
const DEADLINES_S: std::ops::RangeInclusive<u32> = 1..=86_400;

/// The report that is asked for. Whether the jobs of `after` exist is not looked at here; none is named twice.
///
/// # Errors
/// The refusal, with all faults.
pub(crate) fn read_report(body: &[u8], allowed: &AllowedRecipients) -> Result<ReportRequest, Refusal> {
    let mut request = ReportRequest::default();
    if body.trim_ascii().is_empty() {
        return Ok(request);
    }
    let mut faults = Faults::default();
    let mut seen = Vec::new();
    read_object(body, |name, value| {
        const KNOWN: [&str; 7] = [
            "group_by",
            "from",
            "to",
            "after",
            "fresh",
            "deadline_s",
            "mail_to",
        ];
        let Some(known) = KNOWN.into_iter().find(|known| *known == name) else {
            faults.unknown_member(name);
            return;
        };
        let pointer = format!("#/{known}");
        if seen.contains(&known) {
            faults.add(pointer, FaultCode::BadValue, "is given more than once");
            return;
        }
        seen.push(known);
        if type_name(value) == "null" {
            return;
        }
        match known {
            "group_by" => request.group_by = group_by(value, &mut faults),
            "from" => request.from = time(value, &pointer, &mut faults),
            "to" => request.to = time(value, &pointer, &mut faults),
            "after" => request.after = after(value, &mut faults),
            "fresh" => request.fresh = fresh(value, &mut faults),
            "deadline_s" => request.deadline_s = deadline(value, &mut faults),
            _ => request.mail_to = mail_to(value, allowed, &mut faults),
        }
    })?;
    if let (Some(from), Some(to)) = (request.from, request.to)
        && from >= to
    {
        faults.add("#/to", FaultCode::BadValue, "must be later than `from`");
    }
    faults.refuse_if_any()?;
    Ok(request)
}

/// The text of a value; `None` with a fault where it has none.
pub(super) fn string(value: &RawValue, pointer: &str, faults: &mut Faults) -> Option<String> {
    match text(value) {
        RawText::Text(text) => Some(text.into_owned()),
        RawText::Bad(why) => {
            faults.add(pointer, FaultCode::BadJson, why);
            None
        }
        RawText::Absent | RawText::Other(_) => {
            let detail = format!("must be a string, not {}", type_name(value));
            faults.add(pointer, FaultCode::WrongType, detail);
            None
        }
    }
}

pub(super) fn group_by(value: &RawValue, faults: &mut Faults) -> GroupBy {
    let Some(name) = string(value, "#/group_by", faults) else {
        return GroupBy::default();
    };
    let known = [GroupBy::City, GroupBy::State, GroupBy::Country];
    known
        .into_iter()
        .find(|known| known.as_str() == name)
        .unwrap_or_else(|| {
            faults.add(
                "#/group_by",
                FaultCode::BadValue,
                "must be `city`, `state` or `country`",
            );
            GroupBy::default()
        })
}

fn time(value: &RawValue, pointer: &str, faults: &mut Faults) -> Option<Timestamp> {
    let text = string(value, pointer, faults)?;
    Timestamp::from_str(text.trim())
        .map_err(|fault| faults.add(pointer, FaultCode::BadDatetime, fault.to_string()))
        .ok()
}

fn after(value: &RawValue, faults: &mut Faults) -> Vec<JobId> {
    let mut jobs = Vec::new();
    if type_name(value) != "an array" {
        let detail = format!("must be an array, not {}", type_name(value));
        faults.add("#/after", FaultCode::WrongType, detail);
        return jobs;
    }
    let mut count = 0;
    let read = each_element(value.get(), |value| {
        let pointer = format!("#/after/{count}");
        count += 1;
        if count > MAX_AFTER {
            return false;
        }
        if let Some(text) = string(value, &pointer, faults) {
            match JobId::from_str(&text) {
                Ok(job) => jobs.push(job),
                Err(_) => faults.add(pointer, FaultCode::UnknownJob, "no job has this id"),
            }
        }
        true
    });
    // The syntax was checked with the whole body.
    if read.is_err() || count > MAX_AFTER {
        let detail = format!("must hold at most {MAX_AFTER} ids of jobs");
        faults.add("#/after", FaultCode::BadLength, detail);
    }
    jobs
}

fn fresh(value: &RawValue, faults: &mut Faults) -> bool {
    match value.get() {
        "true" => true,
        "false" => false,
        _ => {
            let detail = format!("must be a boolean, not {}", type_name(value));
            faults.add("#/fresh", FaultCode::WrongType, detail);
            true
        }
    }
}

fn deadline(value: &RawValue, faults: &mut Faults) -> u32 {
    let fault = if type_name(value) != "a number" {
        let detail = format!("must be an integer, not {}", type_name(value));
        (FaultCode::WrongType, detail)
    } else if let Some(seconds) = value
        .get()
        .parse()
        .ok()
        .filter(|seconds| DEADLINES_S.contains(seconds))
    {
        return seconds;
    } else {
        let detail = "must be an integer from 1 to 86400".to_owned();
        (FaultCode::BadValue, detail)
    };
    faults.add("#/deadline_s", fault.0, fault.1);
    ReportRequest::DEFAULT_DEADLINE_S
}
