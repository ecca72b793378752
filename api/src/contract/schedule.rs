//! Schedules as callers make and see them.

use poem_openapi::types::Example;
use poem_openapi::{Enum, Object};
use serde::Serialize;
use serde_with::skip_serializing_none;
use shared::job::JobId;
use shared::mail::MailAddress;
use shared::schedule::{Cadence, Missed, Schedule, ScheduleSlot};
use shared::time::Timestamp;
use uuid::Uuid;

use super::{GroupByName, Moment};

/// A request for a schedule: `mail_to`, and either `every` or `cron`.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none, rename = "ScheduleRequest", example)]
pub struct ScheduleBody {
    /// A report each time that this has passed since the schedule was made: whole seconds from `1s` to `366days`, written
    /// like `5s`, `15m` or `1h`.
    pub every: Option<String>,
    /// A report at the times of this cron expression of five fields: minute, hour, day of month, month, day of week.
    pub cron: Option<String>,
    /// The time zone on whose wall `cron` is read, by its name in the IANA database; `UTC` if absent. A time that the
    /// clocks leave out is the first moment after the gap; a fixed time that comes twice is one slot, the first.
    pub time_zone: Option<String>,
    /// What becomes of slots that passed while no worker was there; `catch_up_once` if absent.
    pub missed: Option<MissedName>,
    /// What one row of the reports stands for; a city if absent.
    pub group_by: Option<GroupByName>,
    /// Who gets the reports by mail, at most 50 addresses that the configuration allows.
    #[oai(validator(min_items = "1", max_items = "50"))]
    pub mail_to: Vec<String>,
}

impl Example for ScheduleBody {
    fn example() -> Self {
        Self {
            every: None,
            cron: Some("0 8 * * mon-fri".to_owned()),
            time_zone: Some("Europe/Berlin".to_owned()),
            missed: Some(MissedName::Skip),
            group_by: Some(GroupByName::State),
            mail_to: vec!["ann@example.com".to_owned()],
        }
    }
}

/// What becomes of slots that passed while no worker was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum, Serialize)]
#[oai(rename = "Missed", rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum MissedName {
    /// The latest of them is caught up, however late; the others are left out.
    CatchUpOnce,
    /// Slots that are over a minute late are left out.
    Skip,
}

impl From<Missed> for MissedName {
    fn from(missed: Missed) -> Self {
        match missed {
            Missed::CatchUpOnce => Self::CatchUpOnce,
            Missed::Skip => Self::Skip,
        }
    }
}

/// A template of report jobs that come due again and again.
#[skip_serializing_none]
#[derive(Clone, Debug, Object, Serialize)]
#[oai(skip_serializing_if_is_none, rename = "Schedule")]
pub struct ScheduleView {
    /// The schedule's id.
    pub id: Uuid,
    /// Whether it stands in the configuration (`CENSUS_REPORT_EVERY`, `CENSUS_MAIL_TO`); such a one cannot be deleted.
    pub configured: bool,
    /// The interval between two slots.
    pub every: Option<String>,
    /// The cron expression of its slots.
    pub cron: Option<String>,
    /// The time zone on whose wall `cron` is read.
    pub time_zone: Option<String>,
    /// What becomes of slots that passed while no worker was there.
    pub missed: MissedName,
    /// What one row of the reports stands for.
    pub group_by: GroupByName,
    /// Who gets the reports by mail.
    pub mail_to: Vec<String>,
    /// When it was made.
    pub created_at: Moment,
    /// Its next slot; absent when none will come any more.
    pub next_slot: Option<Moment>,
    /// Its last slot that became a job.
    pub last_slot: Option<Moment>,
    /// The job of that slot; it may have been removed since.
    pub last_job: Option<Uuid>,
    /// Where to go from it.
    pub links: ScheduleLinks,
}

/// Where to go from a schedule.
#[skip_serializing_none]
#[derive(Clone, Debug, Object, Serialize)]
#[oai(skip_serializing_if_is_none)]
pub struct ScheduleLinks {
    /// The schedule itself.
    #[oai(rename = "self")]
    #[serde(rename = "self")]
    pub itself: String,
    /// The job of its last slot.
    pub last_job: Option<String>,
}

/// All schedules.
#[derive(Clone, Debug, Object, Serialize)]
pub struct ScheduleList {
    /// The configured one first, then in order of their making.
    pub schedules: Vec<ScheduleView>,
}

/// The slot that a job was made for.
#[derive(Clone, Copy, Debug, Object, Serialize)]
pub struct JobSchedule {
    /// The schedule.
    pub id: Uuid,
    /// When the job was due.
    pub slot: Moment,
}

impl From<ScheduleSlot> for JobSchedule {
    fn from(slot: ScheduleSlot) -> Self {
        Self {
            id: slot.id.0,
            slot: Moment(slot.slot),
        }
    }
}

impl ScheduleView {
    /// The representation of a schedule; `public_url` prefixes its links.
    #[must_use]
    pub fn new(schedule: &Schedule, public_url: Option<&str>) -> Self {
        let (every, cron, time_zone) = match &schedule.rule.cadence {
            Cadence::Every(every) => (Some(every.to_string()), None, None),
            Cadence::Cron {
                expression,
                time_zone,
            } => (
                None,
                Some(expression.to_string()),
                Some(time_zone.name().to_owned()),
            ),
        };
        let base = public_url.unwrap_or_default();
        let last_job = schedule.last.map(|(_, job)| job);
        Self {
            id: schedule.id.0,
            configured: schedule.is_configured(),
            every,
            cron,
            time_zone,
            missed: schedule.rule.missed.into(),
            group_by: schedule.rule.group_by.into(),
            mail_to: addresses(&schedule.rule.mail_to),
            created_at: Moment(schedule.created_at),
            next_slot: (schedule.next_slot < Timestamp::MAX).then_some(Moment(schedule.next_slot)),
            last_slot: schedule.last.map(|(slot, _)| Moment(slot)),
            last_job: last_job.map(|JobId(id)| id),
            links: ScheduleLinks {
                itself: format!("{base}/schedules/{}", schedule.id),
                last_job: last_job.map(|job| format!("{base}/jobs/{job}")),
            },
        }
    }
}

/// Addresses as the contract writes them.
pub(super) fn addresses(recipients: &[MailAddress]) -> Vec<String> {
    recipients.iter().map(ToString::to_string).collect()
}
