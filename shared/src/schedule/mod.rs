//! The domain of schedules: templates of report jobs that come due again and again. No I/O.

mod cadence;
mod every;
mod firing;

pub use cadence::{Cadence, CadenceFault, CronExpression};
pub use chrono_tz::Tz as TimeZone;
pub use every::{Every, EveryFault};
pub use firing::{Firing, SKIP_AFTER};

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::job::{GroupBy, JobId};
use crate::mail::MailAddress;
use crate::time::Timestamp;

/// The id of a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ScheduleId(pub Uuid);

impl ScheduleId {
    /// The one schedule that the configuration makes.
    pub const CONFIGURED: Self = Self(Uuid::from_u128(0x00c0_0000_0000_7000_8000_0000_0000_0001));

    /// A new id; ids rise with the time of their making.
    #[must_use]
    pub fn generate() -> Self {
        Self(Uuid::now_v7())
    }

    /// The job of one slot: whoever makes it again under this id makes no second one.
    #[must_use]
    pub fn job_of(self, slot: Timestamp) -> JobId {
        let digest = Sha256::new()
            .chain_update(self.0.as_bytes())
            .chain_update(slot.as_millis().to_be_bytes())
            .finalize();
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        JobId(uuid::Builder::from_custom_bytes(bytes).into_uuid())
    }
}

impl fmt::Display for ScheduleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_hyphenated().fmt(f)
    }
}

impl FromStr for ScheduleId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::try_parse(text).map(Self)
    }
}

/// What a schedule makes, and when: the part that never changes. Stored as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduleRule {
    /// When its slots are.
    pub cadence: Cadence,
    /// What becomes of slots that passed while nobody could fire them.
    pub missed: Missed,
    /// What one row of its reports stands for.
    pub group_by: GroupBy,
    /// Who gets its reports.
    pub mail_to: Vec<MailAddress>,
}

/// What becomes of slots that nobody fired in time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Missed {
    /// The latest of them is fired, however late; the others are left out.
    #[default]
    CatchUpOnce,
    /// All are left out.
    Skip,
}

impl Missed {
    /// Both ways.
    pub const ALL: [Self; 2] = [Self::CatchUpOnce, Self::Skip];

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CatchUpOnce => "catch_up_once",
            Self::Skip => "skip",
        }
    }
}

/// A schedule as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Its id.
    pub id: ScheduleId,
    /// What it makes, and when.
    pub rule: ScheduleRule,
    /// When it was made; the slots of an interval count from here.
    pub created_at: Timestamp,
    /// The first slot that has not been fired nor left out. It only rises, so no slot is fired twice.
    pub next_slot: Timestamp,
    /// The slot that was fired last, and its job.
    pub last: Option<(Timestamp, JobId)>,
}

impl Schedule {
    /// Whether it stands in the configuration.
    #[must_use]
    pub fn is_configured(&self) -> bool {
        self.id == ScheduleId::CONFIGURED
    }
}

/// The slot of a schedule that a job was made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduleSlot {
    /// The schedule.
    pub id: ScheduleId,
    /// When its job was due.
    pub slot: Timestamp,
}
