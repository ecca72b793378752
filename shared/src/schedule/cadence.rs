//! When the slots of a schedule are: an interval, or a cron expression in a time zone.
//!
//! A cron expression is read on the wall of its time zone, as Vixie's cron does it. Where the clock is put forward, a
//! slot at a fixed time inside the gap is at the first moment after it. Where the clock is put back, a slot at a
//! fixed time is at the first of the two moments only; slots that come with every minute or hour go on through both.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use serde::{Deserialize, Serialize};

use super::Every;
use crate::time::Timestamp;

/// When slots are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cadence {
    /// Each time that the interval has passed since the schedule was made, whatever happened in between.
    Every(Every),
    /// At the times of a cron expression.
    Cron {
        /// The expression.
        expression: CronExpression,
        /// The time zone on whose wall it is read.
        time_zone: Tz,
    },
}

/// An expression of five fields (minute, hour, day of month, month, day of week), as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CronExpression(String);

/// A text that is no expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CadenceFault {
    /// It cannot be read.
    #[error("must be a cron expression of five fields like `0 8 * * mon-fri`: {0}")]
    NotCron(String),
    /// It is longer than any needs to be.
    #[error("must have at most {max} characters", max = CronExpression::MAX_LENGTH)]
    TooLong,
}

impl CronExpression {
    /// Characters of an expression.
    pub const MAX_LENGTH: usize = 200;

    /// The expression as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn cron(&self) -> Cron {
        parse(&self.0).expect("only what can be parsed becomes an expression")
    }
}

fn parse(text: &str) -> Result<Cron, croner::errors::CronError> {
    CronParser::builder()
        .seconds(Seconds::Disallowed)
        .year(Year::Disallowed)
        .build()
        .parse(text)
}

impl FromStr for CronExpression {
    type Err = CadenceFault;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if text.len() > Self::MAX_LENGTH {
            return Err(CadenceFault::TooLong);
        }
        match parse(text) {
            Ok(_) => Ok(Self(text.to_owned())),
            Err(error) => Err(CadenceFault::NotCron(error.to_string())),
        }
    }
}

impl fmt::Display for CronExpression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for CronExpression {
    type Error = CadenceFault;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<CronExpression> for String {
    fn from(expression: CronExpression) -> Self {
        expression.0
    }
}

impl Cadence {
    /// The first slot later than `after` of a schedule that was made at `made_at`; `None` when there is none any more.
    #[must_use]
    pub fn next_after(&self, made_at: Timestamp, after: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Every(every) => {
                let passed = passed(*every, made_at, after).max(0);
                Some(made_at.plus_millis((passed + 1).saturating_mul(every.as_millis())))
            }
            Self::Cron {
                expression,
                time_zone,
            } => {
                let next = expression
                    .cron()
                    .find_next_occurrence(&on_the_wall(after, *time_zone), false);
                next.ok().map(back)
            }
        }
    }

    /// The last slot at `until` or before.
    #[must_use]
    pub(super) fn last_until(&self, made_at: Timestamp, until: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Every(every) => {
                let passed = passed(*every, made_at, until);
                (passed > 0).then(|| made_at.plus_millis(passed.saturating_mul(every.as_millis())))
            }
            Self::Cron {
                expression,
                time_zone,
            } => {
                let last = expression
                    .cron()
                    .find_previous_occurrence(&on_the_wall(until, *time_zone), true);
                last.ok().map(back)
            }
        }
    }
}

/// Whole intervals between two moments.
fn passed(every: Every, from: Timestamp, to: Timestamp) -> i64 {
    (to.as_millis() - from.as_millis()).div_euclid(every.as_millis())
}

fn on_the_wall(time: Timestamp, zone: Tz) -> DateTime<Tz> {
    time.to_chrono().with_timezone(&zone)
}

fn back(time: DateTime<Tz>) -> Timestamp {
    Timestamp::from_millis(time.with_timezone(&Utc).timestamp_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn cron(expression: &str, zone: &str) -> Cadence {
        Cadence::Cron {
            expression: expression.parse().unwrap(),
            time_zone: zone.parse().unwrap(),
        }
    }

    fn slots(cadence: &Cadence, after: &str, n: usize) -> Vec<String> {
        let mut slot = at(after);
        let next = |_| {
            slot = cadence.next_after(at(after), slot).unwrap();
            slot.to_string()
        };
        (0..n).map(next).collect()
    }

    #[test]
    fn the_slots_of_an_interval_count_from_its_making() {
        let every = Cadence::Every("90s".parse().unwrap());
        let made = "2026-11-24T10:00:07.250Z";
        assert_eq!(
            slots(&every, made, 2),
            ["2026-11-24T10:01:37.250Z", "2026-11-24T10:03:07.250Z"]
        );
        assert_eq!(
            every.last_until(at(made), at("2026-11-24T10:03:07.249Z")),
            Some(at("2026-11-24T10:01:37.250Z"))
        );
        assert_eq!(every.last_until(at(made), at("2026-11-24T10:01:00Z")), None);
        // P8: a clock that steps back before the making makes no slot earlier than the first.
        assert_eq!(
            every.next_after(at(made), at("2026-11-23T00:00:00Z")),
            Some(at("2026-11-24T10:01:37.250Z"))
        );
    }

    #[test]
    fn a_cron_expression_is_read_on_the_wall_of_its_zone() {
        let weekdays = cron("0 8 * * mon-fri", "Europe/Berlin");
        // A Friday in winter, then a Monday.
        assert_eq!(
            slots(&weekdays, "2026-11-27T06:00:00Z", 2),
            ["2026-11-27T07:00:00.000Z", "2026-11-30T07:00:00.000Z"]
        );
        assert_eq!(
            weekdays.last_until(at("2026-01-01T00:00:00Z"), at("2026-11-30T06:59:59Z")),
            Some(at("2026-11-27T07:00:00Z"))
        );
        assert_eq!(
            weekdays.last_until(at("2026-01-01T00:00:00Z"), at("2026-11-30T07:00:00Z")),
            Some(at("2026-11-30T07:00:00Z"))
        );
    }

    #[test]
    fn a_fixed_time_inside_the_gap_is_the_first_moment_after_it() {
        // Berlin has no 02:30 on 2027-03-28: 02:00 is 03:00.
        let nightly = cron("30 2 * * *", "Europe/Berlin");
        assert_eq!(
            slots(&nightly, "2027-03-27T12:00:00Z", 2),
            ["2027-03-28T01:00:00.000Z", "2027-03-29T00:30:00.000Z"]
        );
    }

    #[test]
    fn a_fixed_time_that_comes_twice_is_one_slot_and_every_hour_is_two() {
        // Berlin has 02:30 twice on 2026-10-25: at 00:30 and at 01:30 UTC.
        let nightly = cron("30 2 * * *", "Europe/Berlin");
        assert_eq!(
            slots(&nightly, "2026-10-24T12:00:00Z", 2),
            ["2026-10-25T00:30:00.000Z", "2026-10-26T01:30:00.000Z"]
        );
        let hourly = cron("30 * * * *", "Europe/Berlin");
        assert_eq!(
            slots(&hourly, "2026-10-25T00:00:00Z", 3),
            [
                "2026-10-25T00:30:00.000Z",
                "2026-10-25T01:30:00.000Z",
                "2026-10-25T02:30:00.000Z"
            ]
        );
    }

    #[test]
    fn what_is_no_expression_says_so_and_what_never_comes_has_no_slot() {
        for text in [
            "",
            "* * * *",
            "* * * * * *",
            "60 * * * *",
            "0 25 * * *",
            "a b c d e",
            "0 0 1 1 * 2027 1",
        ] {
            assert!(text.parse::<CronExpression>().is_err(), "{text}");
        }
        assert!("@daily".parse::<CronExpression>().is_ok());
        assert_eq!(
            "1,".repeat(101).parse::<CronExpression>(),
            Err(CadenceFault::TooLong)
        );
        let never = cron("0 0 30 2 *", "UTC");
        assert_eq!(
            never.next_after(at("2026-01-01T00:00:00Z"), at("2026-01-01T00:00:00Z")),
            None
        );
    }

    #[test]
    fn a_cadence_is_read_back_as_it_was_stored() {
        for (cadence, json) in [
            (Cadence::Every("1h".parse().unwrap()), r#"{"every":"1h"}"#),
            (
                cron("0 8 * * 1", "Europe/Berlin"),
                r#"{"cron":{"expression":"0 8 * * 1","time_zone":"Europe/Berlin"}}"#,
            ),
        ] {
            assert_eq!(serde_json::to_string(&cadence).unwrap(), json);
            assert_eq!(serde_json::from_str::<Cadence>(json).unwrap(), cadence);
        }
    }
}
