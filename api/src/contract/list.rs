//! One page of jobs, and the opaque cursor to the next.

use std::fmt::{self, Write as _};
use std::str::FromStr;

use poem_openapi::Object;
use serde::Serialize;
use serde_with::skip_serializing_none;
use sha2::{Digest, Sha256};
use shared::job::JobFilter;

use super::Job;

/// One page of jobs, newest accepted first.
#[skip_serializing_none]
#[derive(Clone, Debug, Object, Serialize)]
#[oai(skip_serializing_if_is_none)]
pub struct JobList {
    /// The jobs, without report rows, receipts and attempts.
    pub jobs: Vec<Job>,
    /// The `cursor` of the next page, to be sent with the same filters; absent on the last page.
    pub next: Option<String>,
}

/// A place in one filtered list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    before: i64,
    filter: u64,
}

/// A cursor that this list has not handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor of this list; send it with the filters of the page that it came from")]
pub struct CursorFault;

impl Cursor {
    /// The place after the job that was accepted as number `before`.
    #[must_use]
    pub fn new(before: i64, filter: &JobFilter) -> Self {
        Self {
            before,
            filter: digest(filter),
        }
    }

    /// The place in the order of acceptance.
    ///
    /// # Errors
    /// When the cursor belongs to a list with other filters.
    pub fn before(self, filter: &JobFilter) -> Result<i64, CursorFault> {
        (self.filter == digest(filter))
            .then_some(self.before)
            .ok_or(CursorFault)
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}{:016x}", self.before, self.filter)
    }
}

impl FromStr for Cursor {
    type Err = CursorFault;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() != 32 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(CursorFault);
        }
        let (before, filter) = text.split_at(16);
        let number = |hex| u64::from_str_radix(hex, 16).map_err(|_| CursorFault);
        Ok(Self {
            before: number(before)?.cast_signed(),
            filter: number(filter)?,
        })
    }
}

/// Equal for filters that mean the same, whatever the order of their parameters.
fn digest(filter: &JobFilter) -> u64 {
    let mut kinds = filter.kinds.clone();
    kinds.sort_unstable();
    kinds.dedup();
    let mut states: Vec<_> = filter.states.iter().map(|state| state.as_str()).collect();
    states.sort_unstable();
    states.dedup();
    let mut labels = filter.labels.clone();
    labels.sort_unstable();
    labels.dedup();
    let mut text = String::new();
    write!(
        text,
        "{kinds:?} {states:?} {labels:?} {:?} {:?}",
        filter.created_from, filter.created_to
    )
    .expect("writing to a string succeeds");
    let hash = Sha256::digest(text.as_bytes());
    u64::from_be_bytes(hash[..8].try_into().expect("a SHA-256 has 32 bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_belongs_to_its_filters() {
        let kinds = |kinds: &[&str]| JobFilter {
            kinds: kinds.iter().map(|kind| (*kind).to_owned()).collect(),
            ..JobFilter::default()
        };
        let cursor = Cursor::new(42, &kinds(&["submit", "report"])).to_string();
        let read: Cursor = cursor.parse().unwrap();
        assert_eq!(read.before(&kinds(&["report", "submit"])), Ok(42));
        assert_eq!(read.before(&kinds(&["report"])), Err(CursorFault));
        for text in ["", "x", "+000000000000000000000000000000f", &cursor[1..]] {
            assert_eq!(text.parse::<Cursor>(), Err(CursorFault), "{text}");
        }
    }
}
