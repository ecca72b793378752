//! Labels: a few short names that a caller gives a job, to find it again.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The labels of one job, each key once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Labels(BTreeMap<String, String>);

/// One label, as in `team:blue`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Label {
    /// Lower-case letters, digits, `.`, `_` and `-`.
    pub key: String,
    /// Any text without control characters.
    pub value: String,
}

/// Texts that are no labels.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LabelFault {
    /// There is no colon.
    #[error("`{0}` has no colon; a label is written key:value")]
    NoColon(String),
    /// The key is not one.
    #[error("`{0}` is no key; it has 1 to {max} lower-case letters, digits, `.`, `_` or `-`", max = Label::MAX_KEY)]
    BadKey(String),
    /// The value is not one.
    #[error("the value of `{0}` has no character, more than {max}, or a control character", max = Label::MAX_VALUE)]
    BadValue(String),
    /// The same key again.
    #[error("`{0}` is there twice")]
    Twice(String),
    /// More than a few.
    #[error("there are more than {max} labels", max = Labels::MAX)]
    TooMany,
}

impl Labels {
    /// Labels of one job.
    pub const MAX: usize = 8;

    /// Reads labels.
    ///
    /// # Errors
    /// The first fault.
    pub fn read<'t>(texts: impl IntoIterator<Item = &'t str>) -> Result<Self, LabelFault> {
        let mut labels = BTreeMap::new();
        for text in texts {
            let Label { key, value } = text.parse()?;
            if labels.contains_key(&key) {
                return Err(LabelFault::Twice(key));
            }
            if labels.len() == Self::MAX {
                return Err(LabelFault::TooMany);
            }
            labels.insert(key, value);
        }
        Ok(Self(labels))
    }

    /// The labels by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Label {
    /// Characters of a key.
    pub const MAX_KEY: usize = 32;
    /// Characters of a value.
    pub const MAX_VALUE: usize = 64;
}

impl FromStr for Label {
    type Err = LabelFault;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (key, value) = text
            .split_once(':')
            .ok_or_else(|| LabelFault::NoColon(text.to_owned()))?;
        let of_key = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
        if key.is_empty() || key.len() > Self::MAX_KEY || !key.chars().all(of_key) {
            return Err(LabelFault::BadKey(key.to_owned()));
        }
        let length = value.chars().count();
        if length == 0 || length > Self::MAX_VALUE || value.chars().any(char::is_control) {
            return Err(LabelFault::BadValue(key.to_owned()));
        }
        Ok(Self {
            key: key.to_owned(),
            value: value.to_owned(),
        })
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.key, self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_read_with_their_first_fault() {
        let labels = Labels::read(["team:blue", "run:2026-11-24 a:b"]).unwrap();
        assert_eq!(
            labels.iter().collect::<Vec<_>>(),
            [("run", "2026-11-24 a:b"), ("team", "blue")]
        );
        let nine: Vec<_> = (0..9).map(|n| format!("k{n}:v")).collect();
        for (texts, fault) in [
            (vec!["blue"], LabelFault::NoColon("blue".into())),
            (vec![":blue"], LabelFault::BadKey(String::new())),
            (vec!["Team:blue"], LabelFault::BadKey("Team".into())),
            (vec!["team:"], LabelFault::BadValue("team".into())),
            (vec!["team:a\nb"], LabelFault::BadValue("team".into())),
            (vec!["a:1", "a:1"], LabelFault::Twice("a".into())),
            (nine.iter().map(String::as_str).collect(), LabelFault::TooMany),
        ] {
            assert_eq!(Labels::read(texts), Err(fault));
        }
        assert!(format!("k:{}", "v".repeat(65)).parse::<Label>().is_err());
        assert!(format!("k:{}", "ü".repeat(64)).parse::<Label>().is_ok());
    }
}
