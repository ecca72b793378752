//! The body of `POST /report`, and a finished report.

use poem_openapi::types::Example;
use poem_openapi::{Enum, Object};
use serde::Serialize;
use serde_with::skip_serializing_none;
use shared::job::{GroupBy, PartitionOffset, Report, ReportRow};
use uuid::Uuid;

use super::{Moment, integer};

/// Rows that a job holds; `/result` has all.
pub const MAX_ROWS: usize = 1_000;

/// A request for a report; every member is optional, and so is the body.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none, rename = "ReportRequest", example)]
pub struct ReportBody {
    /// What one row stands for; a city if absent.
    pub group_by: Option<GroupByName>,
    /// Events at this time and later.
    pub from: Option<String>,
    /// Events before this time.
    pub to: Option<String>,
    /// Jobs whose end is awaited first, and whose events are then in the report.
    pub after: Option<Vec<Uuid>>,
    /// Whether everything that was in the log when the report began is in it; `true` if absent.
    pub fresh: Option<bool>,
    /// How long the report may wait, in seconds from its `created_at`; 3,600 if absent.
    #[oai(validator(minimum(value = "1"), maximum(value = "86400")))]
    pub deadline_s: Option<i64>,
    /// Who gets the report by mail, at most 50 addresses that the configuration allows. While mail is off the report
    /// is written to the log instead.
    #[oai(validator(max_items = "50"))]
    pub mail_to: Option<Vec<String>>,
}

impl Example for ReportBody {
    fn example() -> Self {
        Self {
            group_by: Some(GroupByName::State),
            from: Some("2019-01-01T00:00:00Z".to_owned()),
            to: None,
            after: None,
            fresh: None,
            deadline_s: Some(60),
            mail_to: None,
        }
    }
}

/// What one row of a report stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum, Serialize)]
#[oai(rename = "GroupBy", rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum GroupByName {
    /// A city in its state and country.
    City,
    /// A state in its country.
    State,
    /// A country.
    Country,
}

impl From<GroupBy> for GroupByName {
    fn from(group_by: GroupBy) -> Self {
        match group_by {
            GroupBy::City => Self::City,
            GroupBy::State => Self::State,
            GroupBy::Country => Self::Country,
        }
    }
}

/// Users and events by place.
#[skip_serializing_none]
#[derive(Clone, Debug, Object, Serialize)]
#[oai(skip_serializing_if_is_none, rename = "Report")]
pub struct ReportResult {
    /// What one row stands for.
    pub group_by: GroupByName,
    /// When the counts were read.
    pub generated_at: Moment,
    /// The number of distinct users over all rows. It is not the sum of the rows: a user who was at two places is in two rows.
    pub users: i64,
    /// The number of events over all rows.
    pub events: i64,
    /// How many rows the report has.
    pub rows_total: i64,
    /// Records that are not counted because they cannot be read.
    pub quarantined: i64,
    /// What the report includes: of each partition everything below `next_offset`.
    pub as_of: Vec<LogPosition>,
    /// At most 1,000 rows in a job, all in `/result`; absent in lists. Most users first.
    pub rows: Option<Vec<ReportPlace>>,
}

impl ReportResult {
    /// The report without its rows.
    #[must_use]
    pub fn head(report: &Report) -> Self {
        Self {
            group_by: report.group_by.into(),
            generated_at: Moment(report.generated_at),
            users: integer(report.users),
            events: integer(report.events),
            rows_total: integer(report.rows_total),
            quarantined: integer(report.quarantined),
            as_of: report.as_of.iter().map(LogPosition::from).collect(),
            rows: None,
        }
    }

    /// The report with the rows that `report` carries.
    #[must_use]
    pub fn with_rows(report: &Report) -> Self {
        Self {
            rows: Some(report.rows.iter().map(ReportPlace::from).collect()),
            ..Self::head(report)
        }
    }
}

/// A position in one partition of the event log.
#[derive(Clone, Debug, Object, Serialize)]
pub struct LogPosition {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i64,
    /// The offset of the first record that is not included.
    pub next_offset: i64,
}

impl From<&PartitionOffset> for LogPosition {
    fn from(position: &PartitionOffset) -> Self {
        Self {
            topic: position.topic.clone(),
            partition: position.partition.into(),
            next_offset: integer(position.next_offset),
        }
    }
}

/// One place of a report.
#[skip_serializing_none]
#[derive(Clone, Debug, Object, Serialize)]
#[oai(skip_serializing_if_is_none, rename = "ReportRow")]
pub struct ReportPlace {
    /// ISO 3166-1 alpha-2.
    pub country: String,
    /// Absent where the events carry none, and in a report by country.
    pub state: Option<String>,
    /// Present in a report by city.
    pub city: Option<String>,
    /// Distinct users at the place.
    pub users: i64,
    /// Events at the place.
    pub events: i64,
}

impl From<&ReportRow> for ReportPlace {
    fn from(row: &ReportRow) -> Self {
        Self {
            country: row.country.clone(),
            state: row.state.clone(),
            city: row.city.clone(),
            users: integer(row.users),
            events: integer(row.events),
        }
    }
}
