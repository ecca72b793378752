//! Texts become values; a text that makes no sense becomes a fault that says what would.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use bytesize::ByteSize;

use super::{ValueFault, Values};
use crate::job::Role;

/// Collects faults while values are taken, so that all are shown at once.
pub(super) struct Taker<'a> {
    pub(super) values: &'a Values,
    pub(super) faults: Vec<ValueFault>,
}

impl Taker<'_> {
    /// The value that `read` makes of the key's text, or `fallback` and a fault.
    pub(super) fn take<T>(
        &mut self,
        key: &'static str,
        fallback: T,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> T {
        let (text, origin) = self.values.get(key);
        read(text).unwrap_or_else(|reason| {
            self.faults.push(ValueFault { key, origin, reason });
            fallback
        })
    }

    pub(super) fn duration(&mut self, key: &'static str, range: RangeInclusive<Duration>) -> Duration {
        self.take(key, *range.start(), |text| {
            let value = humantime::parse_duration(text)
                .map_err(|_| format!("`{text}` is not a duration like 2s, 5m or 1h"))?;
            if range.contains(&value) {
                return Ok(value);
            }
            let [low, high] = [range.start(), range.end()].map(|bound| humantime::format_duration(*bound));
            Err(format!("`{text}` is not between {low} and {high}"))
        })
    }

    pub(super) fn size(&mut self, key: &'static str, range: RangeInclusive<u64>) -> u64 {
        self.take(key, *range.start(), |text| {
            let value = text
                .parse::<ByteSize>()
                .map_err(|_| format!("`{text}` is not a size like 64KiB or 8MiB"))?
                .as_u64();
            if range.contains(&value) {
                return Ok(value);
            }
            let [low, high] = [range.start(), range.end()].map(|bound| ByteSize(*bound));
            Err(format!("`{text}` is not between {low} and {high}"))
        })
    }

    pub(super) fn number<T>(&mut self, key: &'static str, range: RangeInclusive<T>) -> T
    where
        T: FromStr + PartialOrd + Copy + std::fmt::Display,
    {
        self.take(key, *range.start(), |text| {
            text.parse()
                .ok()
                .filter(|value| range.contains(value))
                .ok_or_else(|| {
                    format!(
                        "`{text}` is not a whole number between {} and {}",
                        range.start(),
                        range.end()
                    )
                })
        })
    }

    pub(super) fn optional<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        self.take(key, None, |text| {
            if text.is_empty() {
                Ok(None)
            } else {
                read(text).map(Some)
            }
        })
    }
}

pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| format!("`{text}` is not an address like 127.0.0.1:8000"))
}

pub(super) fn roles(text: &str) -> Result<Vec<Role>, String> {
    let roles: BTreeSet<Role> = text.split(',').map(str::parse).collect::<Result<_, _>>()?;
    Ok(roles.into_iter().collect())
}

/// What RabbitMQ and Kafka both take in a name.
pub(super) fn broker_name(text: &str) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if (1..=200).contains(&text.len()) && text.chars().all(fits) && !matches!(text, "." | "..") {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "`{text}` is not a name of 1 to 200 letters, digits, `.`, `_` and `-`"
        ))
    }
}

pub(super) fn web_address(text: &str) -> Result<String, String> {
    let host = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    match host {
        // What stands before an `@` would be a name and a password, and every client would see it.
        Some(host) if !host.is_empty() && !text.contains(['?', '#', ' ', '@']) => {
            Ok(text.trim_end_matches('/').to_owned())
        }
        // The text itself is not repeated: it may hold a password.
        _ => Err("it has to be an address like https://census.example.com, without a password".to_owned()),
    }
}

pub(super) fn yes_or_no(text: &str) -> Result<bool, String> {
    text.parse()
        .map_err(|_| format!("`{text}` is neither `true` nor `false`"))
}
