//! A moment as Census keeps it: milliseconds since 1970 in UTC, written as RFC 3339 with `Z`.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Datelike, FixedOffset, NaiveDate, NaiveDateTime, TimeDelta, Timelike, Utc};
use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A moment in milliseconds since 1970-01-01 UTC.
///
/// Invariant: its year has four digits, so that it can always be written as RFC 3339.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// 0000-01-01T00:00:00.000Z.
    pub const MIN: Self = Self(-62_167_219_200_000);
    /// 9999-12-31T23:59:59.999Z.
    pub const MAX: Self = Self(253_402_300_799_999);

    /// The moment `ms` after 1970, cut to the years that RFC 3339 can write.
    #[must_use]
    pub const fn from_millis(ms: i64) -> Self {
        if ms < Self::MIN.0 {
            Self::MIN
        } else if ms > Self::MAX.0 {
            Self::MAX
        } else {
            Self(ms)
        }
    }

    /// Milliseconds since 1970.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// The moment `ms` later.
    #[must_use]
    pub const fn plus_millis(self, ms: i64) -> Self {
        Self::from_millis(self.0.saturating_add(ms))
    }

    /// The same moment for a library that speaks chrono.
    #[must_use]
    pub fn to_chrono(self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.0).expect("four-digit years are within chrono's range")
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment = self.to_chrono();
        let mut text = *b"0000-00-00T00:00:00.000Z";
        // Each event is written more than once, and chrono's formatting takes several times as long.
        for (number, last) in [
            (moment.year().unsigned_abs(), 3),
            (moment.month(), 6),
            (moment.day(), 9),
            (moment.hour(), 12),
            (moment.minute(), 15),
            (moment.second(), 18),
            (moment.timestamp_subsec_millis(), 22),
        ] {
            write_number(&mut text[..=last], number);
        }
        f.write_str(std::str::from_utf8(&text).expect("digits are UTF-8"))
    }
}

/// Adds a number to the zeros at the end of `text`.
fn write_number(text: &mut [u8], mut number: u32) {
    for digit in text.iter_mut().rev() {
        if number == 0 {
            return;
        }
        *digit += (number % 10) as u8;
        number /= 10;
    }
}

/// A text that is no date-time of design §6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a date-time like 2019-05-07T19:54:13.563Z")]
pub struct TimestampFault;

impl FromStr for Timestamp {
    type Err = TimestampFault;

    /// Reads `T` or a space, an optional fraction (cut to milliseconds), and `Z`, `±hh:mm` or nothing (UTC).
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (seconds, rest) = text.split_at_checked(19).ok_or(TimestampFault)?;
        let local = local_seconds(seconds).ok_or(TimestampFault)?;
        let (fraction_ms, zone) = split_fraction(rest)?;
        let utc = local - TimeDelta::seconds(i64::from(zone_seconds(zone)?));
        let ms = utc.and_utc().timestamp_millis() + fraction_ms;
        if (Self::MIN.0..=Self::MAX.0).contains(&ms) {
            Ok(Self(ms))
        } else {
            Err(TimestampFault)
        }
    }
}

/// Reads `2019-05-07T19:54:13`. chrono's own parser, which goes by a format, takes several times as long, and each event
/// is read more than once.
fn local_seconds(text: &str) -> Option<NaiveDateTime> {
    let bytes = text.as_bytes();
    let is = |place: usize, wanted: &[u8]| bytes.get(place).is_some_and(|byte| wanted.contains(byte));
    if !(is(4, b"-") && is(7, b"-") && is(10, b"Tt ") && is(13, b":") && is(16, b":")) {
        return None;
    }
    let number = |from: usize, to: usize| number(bytes.get(from..to)?);
    let year = i32::try_from(number(0, 4)?).ok()?;
    let day = NaiveDate::from_ymd_opt(year, number(5, 7)?, number(8, 10)?)?;
    // A leap second is the first one of the next minute.
    let (second, more_ms) = match number(17, 19)? {
        60 => (59, 1000),
        second => (second, 0),
    };
    day.and_hms_milli_opt(number(11, 13)?, number(14, 16)?, second, more_ms)
}

/// The number that ASCII digits stand for.
fn number(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |number, digit| {
        digit
            .is_ascii_digit()
            .then(|| number * 10 + u32::from(digit - b'0'))
    })
}

/// Milliseconds of a fraction like `.563829`, and what follows it.
fn split_fraction(rest: &str) -> Result<(i64, &str), TimestampFault> {
    let Some(fraction) = rest.strip_prefix('.') else {
        return Ok((0, rest));
    };
    let end = fraction
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(fraction.len());
    let (digits, zone) = fraction.split_at(end);
    if digits.is_empty() {
        return Err(TimestampFault);
    }
    let ms = digits
        .bytes()
        .chain(*b"00")
        .take(3)
        .fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
    Ok((ms, zone))
}

/// Seconds east of UTC.
fn zone_seconds(zone: &str) -> Result<i32, TimestampFault> {
    if matches!(zone, "" | "Z" | "z") {
        return Ok(0);
    }
    if zone.len() != 6 {
        return Err(TimestampFault);
    }
    let offset: FixedOffset = zone.parse().map_err(|_| TimestampFault)?;
    Ok(offset.local_minus_utc())
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Timestamp;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a date-time")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Timestamp, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_design_6_is_read() {
        for (text, written) in [
            ("2019-05-07 19:54:13.563", "2019-05-07T19:54:13.563Z"),
            ("2019-05-07T19:54:13Z", "2019-05-07T19:54:13.000Z"),
            ("2019-05-07T19:54:13.5639999+02:00", "2019-05-07T17:54:13.563Z"),
            ("2019-05-07t19:54:13.5z", "2019-05-07T19:54:13.500Z"),
            ("0000-01-01T00:00:00Z", "0000-01-01T00:00:00.000Z"),
            ("9999-12-31T23:59:59.999-00:00", "9999-12-31T23:59:59.999Z"),
            ("1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z"),
            ("2016-12-31T23:59:60.5Z", "2017-01-01T00:00:00.500Z"),
        ] {
            assert_eq!(
                text.parse::<Timestamp>().map(|t| t.to_string()),
                Ok(written.to_owned()),
                "{text}"
            );
        }
    }

    #[test]
    fn every_moment_is_written_as_chrono_writes_it() {
        let step = (Timestamp::MAX.0 - Timestamp::MIN.0) / 10_007;
        for n in 0..10_007 {
            let moment = Timestamp::from_millis(Timestamp::MIN.0 + n * step);
            let chrono = moment
                .to_chrono()
                .to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
            assert_eq!(moment.to_string(), chrono);
        }
    }

    #[test]
    fn what_is_no_date_time_is_refused() {
        for text in [
            "",
            "2019-05-07",
            "2019-05-07T",
            "2019-05-07T19:54",
            "2019-02-30T00:00:00Z",
            "2019-02-28T00:00:61Z",
            "2019-02-28T00:0:000Z",
            "2019-05-07T24:00:00Z",
            "2019-05-07T19:54:13.Z",
            "2019-05-07T19:54:13+2",
            "2019-05-07T19:54:13+25:00",
            "2019-05-07T19:54:13 +02:00",
            " 2019-05-07T19:54:13Z",
            "2019-05-07T19:54:13Zü",
            "+019-05-07T19:54:13Z",
            "0000-01-01T00:00:00+01:00",
            "9999-12-31T23:59:59-01:00",
            "２019-05-07T19:54:13Z",
        ] {
            assert_eq!(text.parse::<Timestamp>(), Err(TimestampFault), "{text}");
        }
    }
}
