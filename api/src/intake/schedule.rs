//! The body of `POST /schedules`: a cadence, recipients, and what the reports count.

use std::str::FromStr;

use serde_json::value::RawValue;
use shared::event::FaultCode;
use shared::job::GroupBy;
use shared::mail::{AllowedRecipients, MailAddress};
use shared::schedule::{Cadence, CronExpression, Every, Missed, ScheduleRule, TimeZone};
use shared::time::Timestamp;

use super::body::{Faults, read_object};
use super::mail_to::mail_to;
use super::members::type_name;
use super::report::{group_by, string};
use crate::refusal::Refusal;

const KNOWN: [&str; 6] = ["every", "cron", "time_zone", "missed", "group_by", "mail_to"];

/// What the members say, as far as they can be read.
#[derive(Default)]
struct Members {
    every: Option<Every>,
    cron: Option<CronExpression>,
    time_zone: Option<TimeZone>,
    missed: Missed,
    group_by: GroupBy,
    mail_to: Vec<MailAddress>,
    /// Whether `mail_to` is an array without anything in it.
    has_nobody: bool,
}

/// The rule that is asked for, and its first slot after `now`.
///
/// # Errors
/// The refusal, with all faults.
pub(crate) fn read_schedule(
    body: &[u8],
    allowed: &AllowedRecipients,
    now: Timestamp,
) -> Result<(ScheduleRule, Timestamp), Refusal> {
    let mut faults = Faults::default();
    let mut members = Members::default();
    let mut seen = Vec::new();
    read_object(body, |name, value| {
        let Some(known) = KNOWN.into_iter().find(|known| *known == name) else {
            faults.unknown_member(name);
            return;
        };
        let pointer = format!("#/{known}");
        let twice = seen.iter().any(|(seen, _)| *seen == known);
        let is_null = type_name(value) == "null";
        seen.push((known, is_null));
        if twice {
            faults.add(pointer, FaultCode::BadValue, "is given more than once");
        } else if !is_null {
            members.take(known, value, allowed, &mut faults);
        }
    })?;
    let given = |name: &str| seen.iter().any(|(seen, is_null)| *seen == name && !is_null);
    check_together(&given, &mut faults);
    if members.has_nobody {
        faults.add(
            "#/mail_to",
            FaultCode::BadLength,
            "must hold at least one address",
        );
    }
    let rule = members.rule();
    let first = rule.as_ref().and_then(|rule| rule.cadence.next_after(now, now));
    if rule.is_some() && first.is_none() {
        let detail = "has no time at all, like the 30th of February";
        faults.add("#/cron", FaultCode::BadValue, detail);
    }
    faults.refuse_if_any()?;
    Ok(rule
        .zip(first)
        .expect("a schedule without a fault has a cadence and a first slot"))
}

impl Members {
    fn take(&mut self, name: &str, value: &RawValue, allowed: &AllowedRecipients, faults: &mut Faults) {
        match name {
            "every" => self.every = parsed(value, "#/every", faults),
            "cron" => self.cron = parsed(value, "#/cron", faults),
            "time_zone" => {
                self.time_zone = read(value, "#/time_zone", faults, |text| {
                    TimeZone::from_str(text)
                        .map_err(|_| "must be a name of the IANA database like Europe/Berlin".to_owned())
                });
            }
            "missed" => {
                let missed = read(value, "#/missed", faults, |text| {
                    let known = Missed::ALL.into_iter().find(|known| known.as_str() == text);
                    known.ok_or_else(|| "must be `catch_up_once` or `skip`".to_owned())
                });
                self.missed = missed.unwrap_or_default();
            }
            "group_by" => self.group_by = group_by(value, faults),
            _ => {
                self.has_nobody = value
                    .get()
                    .trim_matches(['[', ']', ' ', '\n', '\r', '\t'])
                    .is_empty();
                self.mail_to = mail_to(value, allowed, faults);
            }
        }
    }

    fn rule(self) -> Option<ScheduleRule> {
        let cadence = match (self.every, self.cron) {
            (Some(every), None) => Cadence::Every(every),
            (None, Some(expression)) => Cadence::Cron {
                expression,
                time_zone: self.time_zone.unwrap_or(TimeZone::UTC),
            },
            (Some(_), Some(_)) | (None, None) => return None,
        };
        Some(ScheduleRule {
            cadence,
            missed: self.missed,
            group_by: self.group_by,
            mail_to: self.mail_to,
        })
    }
}

fn check_together(given: &impl Fn(&str) -> bool, faults: &mut Faults) {
    match (given("every"), given("cron")) {
        (true, true) => {
            let detail = "cannot stand beside `every`; a schedule has one of them";
            faults.add("#/cron", FaultCode::BadValue, detail);
        }
        (false, false) => {
            let detail = "a schedule has an interval in `every` or an expression in `cron`";
            faults.add("#/every", FaultCode::Required, detail);
        }
        (true, false) | (false, true) => {}
    }
    if given("time_zone") && !given("cron") {
        faults.add("#/time_zone", FaultCode::BadValue, "stands only beside `cron`");
    }
    if !given("mail_to") {
        faults.add("#/mail_to", FaultCode::Required, "a schedule has recipients");
    }
}

fn parsed<T>(value: &RawValue, pointer: &str, faults: &mut Faults) -> Option<T>
where
    T: FromStr,
    T::Err: std::fmt::Display,
{
    read(value, pointer, faults, |text| {
        text.parse().map_err(|fault: T::Err| fault.to_string())
    })
}

fn read<T>(
    value: &RawValue,
    pointer: &str,
    faults: &mut Faults,
    read: impl FnOnce(&str) -> Result<T, String>,
) -> Option<T> {
    let text = string(value, pointer, faults)?;
    read(&text)
        .map_err(|detail| faults.add(pointer, FaultCode::BadValue, detail))
        .ok()
}
