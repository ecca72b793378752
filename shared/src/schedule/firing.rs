//! What is to be done with a schedule whose slot has come: which slot is fired, and which one is next.

use std::time::Duration;

use super::{Missed, Schedule};
use crate::time::Timestamp;

/// How late a slot may be fired where missed ones are left out.
pub const SKIP_AFTER: Duration = Duration::from_secs(60);

/// A step of a schedule. The store takes it only while the schedule still stands at the slot that it begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Firing {
    /// Where the schedule stands.
    pub from: Timestamp,
    /// The slot whose job is made; `None` when what has passed is left out.
    pub slot: Option<Timestamp>,
    /// Where it stands afterwards.
    pub next: Timestamp,
}

impl Schedule {
    /// The step that is due at `now`, if one is.
    #[must_use]
    pub fn due(&self, now: Timestamp) -> Option<Firing> {
        if now < self.next_slot {
            return None;
        }
        let cadence = &self.rule.cadence;
        // Not before the slot that was promised, wherever a new edition of the time zones puts the last one.
        let latest = cadence.last_until(self.created_at, now);
        let latest = latest.map_or(self.next_slot, |latest| latest.max(self.next_slot));
        let late_ms = now.as_millis() - latest.as_millis();
        let is_missed = u128::from(late_ms.unsigned_abs()) > SKIP_AFTER.as_millis();
        Some(Firing {
            from: self.next_slot,
            slot: match self.rule.missed {
                Missed::Skip if is_missed => None,
                Missed::Skip | Missed::CatchUpOnce => Some(latest),
            },
            // What has no slot any more stands at the end of time.
            next: cadence.next_after(self.created_at, now).unwrap_or(Timestamp::MAX),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::GroupBy;
    use crate::schedule::{Cadence, ScheduleId, ScheduleRule};

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn hourly(missed: Missed) -> Schedule {
        Schedule {
            id: ScheduleId::generate(),
            rule: ScheduleRule {
                cadence: Cadence::Every("1h".parse().unwrap()),
                missed,
                group_by: GroupBy::City,
                mail_to: Vec::new(),
            },
            created_at: at("2026-11-24T08:00:00Z"),
            next_slot: at("2026-11-24T09:00:00Z"),
            last: None,
        }
    }

    #[test]
    fn a_slot_is_due_from_its_moment_on() {
        let schedule = hourly(Missed::CatchUpOnce);
        assert_eq!(schedule.due(at("2026-11-24T08:59:59.999Z")), None);
        let firing = Firing {
            from: schedule.next_slot,
            slot: Some(schedule.next_slot),
            next: at("2026-11-24T10:00:00Z"),
        };
        assert_eq!(schedule.due(schedule.next_slot), Some(firing));
    }

    #[test]
    fn of_missed_slots_the_latest_is_caught_up_or_none() {
        let now = at("2026-11-24T12:30:00Z");
        let firing = hourly(Missed::CatchUpOnce).due(now).unwrap();
        assert_eq!(
            (firing.slot, firing.next),
            (Some(at("2026-11-24T12:00:00Z")), at("2026-11-24T13:00:00Z"))
        );
        let firing = hourly(Missed::Skip).due(now).unwrap();
        assert_eq!((firing.slot, firing.next), (None, at("2026-11-24T13:00:00Z")));
        let on_time = hourly(Missed::Skip).due(at("2026-11-24T12:00:03Z")).unwrap();
        assert_eq!(on_time.slot, Some(at("2026-11-24T12:00:00Z")));
    }

    #[test]
    fn a_slot_has_one_job() {
        let (one, other) = (ScheduleId::generate(), ScheduleId::generate());
        let (nine, ten) = (at("2026-11-24T09:00:00Z"), at("2026-11-24T10:00:00Z"));
        assert_eq!(one.job_of(nine), one.job_of(nine));
        assert_ne!(one.job_of(nine), one.job_of(ten));
        assert_ne!(one.job_of(nine), other.job_of(nine));
    }
}
