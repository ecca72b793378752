//! The result of a report job: users and events by place, and what they include.

use serde::{Deserialize, Serialize};

use super::GroupBy;
use crate::time::Timestamp;

/// A finished report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// What one row stands for.
    pub group_by: GroupBy,
    /// When the snapshot was read.
    pub generated_at: Timestamp,
    /// Distinct users over all rows, not their sum.
    pub users: u64,
    /// Events over all rows.
    pub events: u64,
    /// How many rows the report has; the job itself carries fewer when there are many.
    pub rows_total: u64,
    /// Records in quarantine below `as_of` (P19).
    pub quarantined: u64,
    /// What the report includes: the next offset of each partition.
    pub as_of: Vec<PartitionOffset>,
    /// Most users first, then by displayed country, state (absent first) and city, by code points.
    pub rows: Vec<ReportRow>,
}

/// The position in one partition: everything below `next_offset` is included.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionOffset {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The offset of the first record that is not included.
    pub next_offset: i64,
}

/// One place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportRow {
    /// ISO 3166-1 alpha-2.
    pub country: String,
    /// Absent where the events carry none, and in a report by country.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Present in a report by city.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub city: Option<String>,
    /// Distinct users of the row.
    pub users: u64,
    /// Events of the row.
    pub events: u64,
}

impl ReportRow {
    /// City, state and country, as far as the row has them.
    #[must_use]
    pub fn place(&self) -> String {
        let place = [
            self.city.as_deref(),
            self.state.as_deref(),
            Some(self.country.as_str()),
        ];
        place.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

impl Report {
    /// The users of its first `places` rows, as a line of a log shows them. Counts by place are nobody's data.
    #[must_use]
    pub fn places_in_a_line(&self, places: usize) -> String {
        let rows = self.rows.iter().take(places);
        let named: Vec<_> = rows
            .map(|row| format!("{}: {}", row.place(), row.users))
            .collect();
        named.join("; ")
    }

    /// Brings the rows into the contract's order.
    pub fn sort_rows(rows: &mut [ReportRow]) {
        rows.sort_by(|a, b| {
            b.users
                .cmp(&a.users)
                .then_with(|| a.country.cmp(&b.country))
                .then_with(|| a.state.cmp(&b.state))
                .then_with(|| a.city.cmp(&b.city))
        });
    }
}
