//! `ETag` and `If-None-Match`: weak, opaque, made of epoch and revision (P2).

use std::fmt;

/// Names one representation of one job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntityTag {
    /// Raised by a power failure, so that an unflushed revision is never taken for another (P2).
    pub epoch: u64,
    /// The job's revision.
    pub revision: u64,
}

impl fmt::Display for EntityTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "W/\"{}-{}\"", self.epoch, self.revision)
    }
}

/// The representations that a client has: an `If-None-Match`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenTags(String);

impl SeenTags {
    /// What the header says.
    #[must_use]
    pub fn new(header: &str) -> Self {
        Self(header.to_owned())
    }

    /// Whether the client has this representation; the comparison is weak.
    #[must_use]
    pub fn contains(&self, tag: EntityTag) -> bool {
        let tag = tag.to_string();
        let opaque = tag.trim_start_matches("W/");
        self.0.trim() == "*"
            || self
                .0
                .split(',')
                .any(|seen| seen.trim().trim_start_matches("W/") == opaque)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entity_tag_is_found_in_a_list_by_weak_comparison() {
        let tag = EntityTag {
            epoch: 1,
            revision: 5,
        };
        for header in ["W/\"1-5\"", "\"1-5\"", "\"x\" , W/\"1-5\"", "*"] {
            assert!(SeenTags::new(header).contains(tag), "{header}");
        }
        for header in ["", "W/\"2-5\"", "1-5", "W/\"1-51\""] {
            assert!(!SeenTags::new(header).contains(tag), "{header}");
        }
    }
}
