//! An interval, written as in the configuration: `5s`, `15m`, `1h`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A whole number of seconds, from one second to a year.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Every(u32);

/// A text that is no interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a duration in whole seconds like 5s, 15m or 1h, from 1s to 366days")]
pub struct EveryFault;

impl Every {
    const MAX_S: u32 = 366 * 24 * 3600;

    /// Its length in milliseconds.
    #[must_use]
    pub fn as_millis(self) -> i64 {
        i64::from(self.0) * 1000
    }
}

impl FromStr for Every {
    type Err = EveryFault;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let duration = humantime::parse_duration(text.trim()).map_err(|_| EveryFault)?;
        let seconds = u32::try_from(duration.as_secs()).map_err(|_| EveryFault)?;
        if duration.subsec_nanos() == 0 && (1..=Self::MAX_S).contains(&seconds) {
            Ok(Self(seconds))
        } else {
            Err(EveryFault)
        }
    }
}

/// As short as it can be: `90s` is `1m 30s`.
impl fmt::Display for Every {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_duration(Duration::from_secs(self.0.into())).fmt(f)
    }
}

impl TryFrom<String> for Every {
    type Error = EveryFault;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Every> for String {
    fn from(every: Every) -> Self {
        every.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_read_back_as_it_is_written() {
        for (text, ms, written) in [
            ("5s", 5_000, "5s"),
            ("90s", 90_000, "1m 30s"),
            ("1h", 3_600_000, "1h"),
            ("366days", 31_622_400_000, "1year 18h"),
        ] {
            let every: Every = text.parse().unwrap();
            assert_eq!(every.as_millis(), ms);
            assert_eq!(every.to_string().parse(), Ok(every), "{every}");
            assert!(text == "366days" || every.to_string() == written, "{every}");
        }
        for text in [
            "",
            "0s",
            "-5s",
            "1.5s",
            "1500ms",
            "5",
            "hourly",
            "367days",
            "99999999999999999999s",
        ] {
            assert_eq!(text.parse::<Every>(), Err(EveryFault), "{text}");
        }
    }
}
